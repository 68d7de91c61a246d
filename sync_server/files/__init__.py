"""Bytes of files: how they come (tus), where they lie, what is in them, who may read them."""
