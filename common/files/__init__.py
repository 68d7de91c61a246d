"""Files that belong to a ticket: photos, papers, voice notes. Their bytes travel apart from their records."""
