"""Bodies that the doors of an account take, the smallest that are valid."""

CALL = {"direction": "inbound", "from": "+1", "to": "+2", "started_at": "2026-01-01T00:00:00Z"}
CONNECTION = {"provider": "platform", "credentials": {"secret": "whsec_" + "A" * 43 + "="}}
SIGN_IN = {"issuer": "https://idp.example", "client_id": "vault"}
CONSENT = {"party": "caller", "event": "announced", "method": "announcement", "at": "2026-01-01T00:00:00Z"}
#: Valid as a body; its challenge is nobody's.
LINK_KEY = {"public_key": "p", "algorithm": "Ed25519", "challenge": "c", "proof": "p"}
NOTICE = {"language": "en", "audience": "caller", "mode": "announce"}
RECIPIENT = {
    "name": "n", "address": "", "contact": "", "role": "processor", "purpose": "p", "country": "FR",
    "since": "2026-01-01",
}  # fmt: skip
AUTHORITY_REQUEST = {
    "received_at": "2026-01-01T00:00:00Z", "authority": "a", "country": "FR", "kind": "order", "scope": "both",
}  # fmt: skip
POLICY = {
    "missing_evidence": "quarantine",
    "reason": None,
    "withdrawal": "restrict",
    "mode": "none",
    "home_place": None,
    "quarantine_days": 30,
    "keys": {"accept": "1", "decline": "9", "object": None},
    "overrides": [],
}
REQUEST = {
    "kind": "erasure",
    "regime": "none",
    "received_at": "2026-01-01T00:00:00Z",
    "reference": "r",
    "identities": [{"type": "number", "value": "+14155550187"}],
}
