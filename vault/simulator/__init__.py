"""Simulated telephony providers for a running vault: webhooks, REST API and media host."""
