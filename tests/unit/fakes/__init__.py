"""The fakes pass the contracts, and do what else tests ask of them."""
