"""What two people must agree on: requests, decisions, and that each is used once."""
