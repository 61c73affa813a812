"""Credentials in the right format but for the private key, and where Vonage puts its proof."""

CREDENTIALS = {"signature_secret": "s" * 32, "application_id": "78d335fa-323d-0114-9c3d-d6f0d48968cf"}
PROOF_HEADERS = ("authorization",)
