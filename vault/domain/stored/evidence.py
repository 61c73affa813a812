"""The evidence that a recording is bound to, as canonical bytes with a digest, and the chain of later entries.

The bytes begin with a random salt: the digest is in plaintext in every sealed object and in the access log, and
without the salt it could confirm a guess of the content. The first evidence is the state when the audio was
sealed, and its digest is in the encryption context. Each later entry contains the digest of the entry before it,
so that no entry can be omitted, changed or inserted.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import ConsentEvent
from vault.domain.consent.decision import Decision
from vault.domain.stored.consent_json import event_json
from vault.domain.stored.sealed_records import facts_json, read_facts
from vault.errors import Tampered
from vault.rfc3339 import write_rfc3339

SALT_BYTES = 32
_VERSION = 2
#: The kind of a later entry.
Entry = Literal["consent", "facts", "gate", "release", "refusal", "restriction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Salt followed by canonical JSON (sorted keys, no spaces, ASCII)."""

    canonical: bytes

    @property
    def digest(self) -> str:
        """Return SHA-256 of the canonical bytes, in hexadecimal."""
        return hashlib.sha256(self.canonical).hexdigest()

    @property
    def salt(self) -> bytes:
        """Return the random bytes at the start."""
        return self.canonical[:SALT_BYTES]

    @property
    def said(self) -> dict[str, Any]:
        """Return the JSON object. Raises Tampered if it is not one of this version."""
        try:
            content = json.loads(self.canonical[SALT_BYTES:])
        except ValueError as error:
            raise Tampered("Evidence is not JSON.") from error
        if not isinstance(content, dict) or content.get("v") != _VERSION:
            raise Tampered("Evidence has a version that this release does not know.")
        return content


def at_sealing(
    decision: Decision,
    events: Sequence[ConsentEvent],
    facts: CallFacts,
    *,
    statements: Sequence[CallFacts] = (),
    account_id: str,
    recording_id: str,
    at: datetime,
) -> Evidence:
    """Return the evidence of a recording's facts and decision when its audio is sealed.

    ``facts`` has the latest value of each field; the decision uses all ``statements``.
    """
    return _evidence(
        {
            "kind": "sealing",
            "account": account_id,
            "recording": recording_id,
            "at": write_rfc3339(at, "microseconds"),
            **call_json(facts, statements),
            "decision": decision_json(decision),
            "consent": [event_json(event) for event in events],
        }
    )


def call_json(facts: CallFacts, statements: Sequence[CallFacts]) -> dict[str, Any]:
    """Return the facts of a call, and all statements where there is more than one."""
    several = {"statements": [facts_json(facts) for facts in statements]} if len(statements) > 1 else {}
    return {"call": facts_json(facts), **several}


def calls_in(content: Mapping[str, Any]) -> list[CallFacts]:
    """Return all statements about the call, from evidence of the sealing or from a later ``facts`` entry."""
    if "call" not in content:
        return []
    return [read_facts(facts) for facts in content.get("statements", [content["call"]])]


def chained(
    before: str, entry: Entry, content: Mapping[str, Any], *, recording_id: str, at: datetime
) -> Evidence:
    """Return a later entry of the chain, after the entry with the digest ``before``."""
    return _evidence(
        {
            "kind": entry,
            "recording": recording_id,
            "before": before,
            "at": write_rfc3339(at, "microseconds"),
            **content,
        }
    )


def check_chain(digest: str, entries: Sequence[Evidence]) -> None:
    """Raise Tampered unless the first entry has this digest, and each other entry that of the entry before it.

    A chain cut off at its end is not detected here: the access log has the digest of every head.
    """
    if not hmac.compare_digest(digest, entries[0].digest):
        raise Tampered("The evidence's digest is not the one that the audio is bound to.")
    for before, entry in pairwise(entries):
        if not hmac.compare_digest(before.digest, entry.said.get("before", "")):
            raise Tampered("An entry of the evidence chain does not have the digest of the entry before it.")


def decision_json(decision: Decision) -> dict[str, Any]:
    """Return a decision as JSON, with every reason."""
    return {
        "verdict": decision.verdict,
        "mode": decision.mode,
        "position": decision.position,
        "epoch": decision.epoch,
        "policy_version": decision.policy_version,
        "rule_book": decision.rule_book,
        "places": [asdict(place) for place in decision.places],
        "reasons": [asdict(reason) for reason in decision.reasons],
    }


def _evidence(content: Mapping[str, Any]) -> Evidence:
    text = json.dumps({"v": _VERSION, **content}, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return Evidence(canonical=secrets.token_bytes(SALT_BYTES) + text.encode())
