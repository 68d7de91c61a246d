"""The room of equipment."""
