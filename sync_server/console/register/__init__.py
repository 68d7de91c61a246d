"""The intake register (F01) and its write-off."""
