"""What pages read of the office's inbox, and the names behind ids. The records themselves are `common`'s."""
