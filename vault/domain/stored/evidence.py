"""The evidence that a recording is bound to, as canonical bytes with a digest, and the chain that grows from it.

The bytes begin with a random salt, so that a digest, which stands in clear in every sealed object and
in the access log, lets nobody test a guess of what the evidence says. The first evidence is what was
known when the audio was sealed, and its digest is in the encryption context. What comes after that
names the digest of what came before it, so nothing can be left out, changed or put between.
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
from vault.domain.stored.consent_json import event_json, moment_json
from vault.domain.stored.sealed_records import facts_json, read_facts
from vault.errors import Tampered

SALT_BYTES = 32
_VERSION = 2
#: What an entry of the chain is about.
Entry = Literal["consent", "facts", "gate", "release", "refusal", "restriction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Salt and canonical JSON (keys sorted, no blanks, ASCII), joined."""

    canonical: bytes

    @property
    def digest(self) -> str:
        """Return SHA-256 of the canonical bytes, in hexadecimal."""
        return hashlib.sha256(self.canonical).hexdigest()

    @property
    def salt(self) -> bytes:
        """Return the random bytes at the beginning."""
        return self.canonical[:SALT_BYTES]

    @property
    def said(self) -> dict[str, Any]:
        """Return the JSON object. Raises Tampered if there is none."""
        try:
            said = json.loads(self.canonical[SALT_BYTES:])
        except ValueError as error:
            raise Tampered("Evidence is not JSON.") from error
        if not isinstance(said, dict) or said.get("v") != _VERSION:
            raise Tampered("Evidence has a version that this release does not know.")
        return said


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
    """Put on record what was known and decided when the audio of one recording was sealed.

    ``facts`` is the last word on each field; decisions stand on all ``statements``.
    """
    return _written(
        {
            "kind": "sealing",
            "account": account_id,
            "recording": recording_id,
            "at": moment_json(at),
            **call_json(facts, statements),
            "decision": decision_json(decision),
            "consent": [event_json(event) for event in events],
        }
    )


def call_json(facts: CallFacts, statements: Sequence[CallFacts]) -> dict[str, Any]:
    """Return what is known of a call, and every statement where there is more than one."""
    several = {"statements": [facts_json(one) for one in statements]} if len(statements) > 1 else {}
    return {"call": facts_json(facts), **several}


def calls_in(said: Mapping[str, Any]) -> list[CallFacts]:
    """Return every statement about the call in evidence of its sealing or in a later entry about facts."""
    if "call" not in said:
        return []
    return [read_facts(one) for one in said.get("statements", [said["call"]])]


def chained(
    before: str, entry: Entry, said: Mapping[str, Any], *, recording_id: str, at: datetime
) -> Evidence:
    """Put what came later on record, after what has the digest ``before``."""
    return _written(
        {"kind": entry, "recording": recording_id, "before": before, "at": moment_json(at), **said}
    )


def check_chain(digest: str, entries: Sequence[Evidence]) -> None:
    """Raise Tampered unless the first entry has this digest, and each other one names the one before it.

    What was cut off at the end leaves no gap here: the access log has the digest of every head.
    """
    if not hmac.compare_digest(digest, entries[0].digest):
        raise Tampered("The evidence is not the one that the audio is bound to.")
    for before, entry in pairwise(entries):
        if not hmac.compare_digest(before.digest, entry.said.get("before", "")):
            raise Tampered("An entry of the evidence does not follow on the one before it.")


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


def _written(said: Mapping[str, Any]) -> Evidence:
    text = json.dumps({"v": _VERSION, **said}, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return Evidence(canonical=secrets.token_bytes(SALT_BYTES) + text.encode())
