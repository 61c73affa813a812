"""Credentials in the right format, and where Plivo puts its proof."""

CREDENTIALS = {"auth_id": "MA" + "X" * 18, "auth_token": "t" * 40}
PROOF_HEADERS = ("x-plivo-signature-v3", "x-plivo-signature-v3-nonce", "x-plivo-signature-ma-v3")
