"""What people ask for: definitions and their parts."""
