"""The tablet's database: engine, tables, the overlay of pending commands, and what a sync reads and writes in it."""
