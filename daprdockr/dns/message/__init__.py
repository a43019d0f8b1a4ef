"""DNS messages as octets and as values."""
