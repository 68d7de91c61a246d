"""People: who works here, what they may do and can do, when they are away, how they sign in."""
