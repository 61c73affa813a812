"""Input that is made to be slow to read: every parser and every regex of the vault, in one table."""
