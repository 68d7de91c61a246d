"""The room of coverage."""
