"""The vault: the key under which a tablet keeps what nobody may read off it, and who may open it."""
