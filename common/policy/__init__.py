"""The room of policy."""
