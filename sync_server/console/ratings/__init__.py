"""What customers said on their opinion cards, for supervisors and managers."""
