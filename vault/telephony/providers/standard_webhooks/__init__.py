"""The customer's own telephony platform, which sends Standard Webhooks."""
