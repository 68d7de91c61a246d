"""What pages read of stock. Parts, places and the ledger are `common`'s."""
