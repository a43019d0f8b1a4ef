"""What command lines may say, as values."""
