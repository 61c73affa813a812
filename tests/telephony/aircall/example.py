"""Credentials in the right format. The proof is in the body."""

CREDENTIALS = {"token": "t" * 32, "api_id": "1", "api_token": "a" * 32}
PROOF_HEADERS = ()
