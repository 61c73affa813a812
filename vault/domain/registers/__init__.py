"""Registers of an account: its record of processing, recipients, and requests of authorities."""
