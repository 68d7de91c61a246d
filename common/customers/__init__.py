"""The room of customers."""
