"""The room of sla."""
