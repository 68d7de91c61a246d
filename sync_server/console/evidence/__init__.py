"""Evidence at the console: seals checked, the audit chain, backups, exports of one unit's life."""
