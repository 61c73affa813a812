"""Telephony providers that are played against a running vault: webhooks, REST interface and media host."""
