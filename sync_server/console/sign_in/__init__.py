"""Coming in and going out: sign-in, first administrator, own password, own sessions."""
