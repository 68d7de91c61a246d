"""Stock: places and what lies there, parts and prices, movements and the ledger."""
