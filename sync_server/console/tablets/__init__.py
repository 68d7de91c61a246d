"""Tablets: who has which, how they are, giving a new one its code, taking one's access away."""
