"""The room of kernel."""
