"""Credentials of a project, and where SignalWire puts its proof."""

CREDENTIALS = {"signing_key": "k", "project_id": "p", "api_token": "PT", "space": "acme.signalwire.com"}
PROOF_HEADERS = ("x-signalwire-signature", "x-twilio-signature")
