"""Credentials in the right format, and where Twilio puts its proof."""

CREDENTIALS = {"account_sid": "AC" + "01" * 16, "auth_token": "12345"}
PROOF_HEADERS = ("x-twilio-signature",)
