"""The contents of the zone: names of hosts, services and instances."""
