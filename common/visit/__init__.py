"""The room of visit."""
