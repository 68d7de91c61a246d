"""The room of protocol."""
