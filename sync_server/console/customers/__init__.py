"""Customers: list, one customer with all that belongs to him, entering and changing."""
