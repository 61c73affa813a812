"""Backup: the objects written for a restore, the restore itself, and fsck."""
