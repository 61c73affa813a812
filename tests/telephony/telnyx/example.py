"""Credentials in the right format, and where Telnyx puts its proof."""

import base64

CREDENTIALS = {"public_key": base64.b64encode(bytes(32)).decode(), "api_key": "KEY"}
PROOF_HEADERS = ("telnyx-signature-ed25519", "telnyx-timestamp")
