"""Measurements of the sync path beside the raw limits of the same machine. Nothing of the product imports it."""
