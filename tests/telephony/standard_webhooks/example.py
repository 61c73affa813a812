"""Credentials in the right format, and where the platform puts its proof."""

import base64

CREDENTIALS = {"secret": "whsec_" + base64.b64encode(bytes(32)).decode()}
PROOF_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
