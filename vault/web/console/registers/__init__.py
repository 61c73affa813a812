"""Registers: the record of processing, recipients, disclosures, and requests of authorities."""
