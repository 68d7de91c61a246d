"""The list of tickets, the page of one ticket, and what may be done to it."""
