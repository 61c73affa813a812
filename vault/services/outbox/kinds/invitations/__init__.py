"""Mails with the addresses of invitations."""
