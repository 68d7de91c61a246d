"""The room of inbox."""
