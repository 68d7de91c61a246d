"""The master: one server program with the sync endpoint, the console and the archive. Never imports `field_app`."""
