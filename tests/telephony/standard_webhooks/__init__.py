"""The customer's own platform, whose webhooks follow Standard Webhooks."""
