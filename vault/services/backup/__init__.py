"""Backup: what is written to the object store for a restore, the restore itself, and fsck."""
