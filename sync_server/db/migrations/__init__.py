"""The history of the database's shape, one dated file a step. A released file never changes."""
