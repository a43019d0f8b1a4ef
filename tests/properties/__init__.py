"""Laws that hold for any input, tried on many drawn ones: whole clusters simulated, races, waves."""
