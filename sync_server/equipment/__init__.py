"""What pages read of models and units. Equipment itself is `common`'s."""
