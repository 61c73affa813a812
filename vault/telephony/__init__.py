"""Telephony platforms: webhook signatures, webhook events, call documents and media downloads."""
