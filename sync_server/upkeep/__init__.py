"""Looking after a server: checking that its records hold together, and backing them up."""
