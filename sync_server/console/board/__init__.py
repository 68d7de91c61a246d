"""The dispatch board: a day of engineers and their work."""
