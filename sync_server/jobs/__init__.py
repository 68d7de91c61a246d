"""Scheduled work: each job one function over the database, run by the ticker."""
