"""The screens, one task a file: dumb, no SQL, no rules. `table.py` says where each appears."""
