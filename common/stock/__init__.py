"""The room of stock."""
