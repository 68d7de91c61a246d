"""Papers of a ticket: what stands on them, and their PDF. The page of a paper is the console's."""
