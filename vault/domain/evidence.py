"""The evidence that a recording is bound to, as canonical bytes with a digest.

The bytes begin with a random salt, so that the digest, which stands in clear in every sealed
object, lets nobody test a guess of what the evidence says.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass

from vault.domain.admission import Decision

SALT_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Salt and canonical JSON, joined; version 1 covers the admission decision."""

    canonical: bytes

    @property
    def digest(self) -> str:
        """Return SHA-256 of the canonical bytes, in hexadecimal."""
        return hashlib.sha256(self.canonical).hexdigest()


def of_decision(decision: Decision, recording_id: str) -> Evidence:
    """Put a decision on record for one recording, under a fresh salt."""
    said = {
        "v": 1,
        "recording": recording_id,
        "record": decision.record,
        "epoch": decision.epoch,
        "reasons": [{"code": reason.code, "text": reason.text} for reason in decision.reasons],
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return Evidence(canonical=secrets.token_bytes(SALT_BYTES) + text.encode())
