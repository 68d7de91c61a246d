"""What takes two people: what was asked for, and deciding on it."""
