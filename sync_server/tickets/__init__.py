"""What pages read of tickets, and how a call at the desk becomes one. Tickets themselves are `common`'s."""
