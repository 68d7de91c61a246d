"""What pages read of customers. Customers themselves are `common`'s."""
