"""The evidence that a recording is bound to, as canonical bytes with a digest, and the chain of later entries.

The bytes begin with a random salt: the digest is in plaintext in every sealed object and in the access log, and
without the salt it could confirm a guess of the content. The first evidence is the state when the audio was
sealed, and its digest is in the encryption context. Each later entry contains the digest of the entry before it,
so that no entry can be omitted, changed or inserted.

The sealed details of a recording are its hash, the call facts of its own source, and its first evidence.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, Literal

from vault.domain.admission.decision import Decision
from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import ConsentEvent
from vault.domain.stored.deflated import MAX_DEFLATED, deflate, inflate
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.domain.stored.sealed_records import decode_facts_fields, encode_event_fields, encode_facts_fields
from vault.errors import Tampered
from vault.rfc3339 import write_rfc3339

SALT_BYTES = 32
_VERSION = 2
#: The kind of a later entry.
Entry = Literal[
    "consent", "facts", "gate", "release", "refusal", "restriction", "rectification", "redaction", "pause"
]
#: The first byte of details that are deflated; JSON begins with another one.
_DEFLATED: Final = b"\x02"
_WHAT: Final = "A recording's sealed details"


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
    def content(self) -> dict[str, Any]:
        """Return the JSON object. Raises Tampered if it is not one of this version."""
        fields = read_object(self.canonical[SALT_BYTES:], "Evidence", versions=(_VERSION,))
        return {**fields.rest(), "v": _VERSION}


def encode_evidence(evidence: Evidence) -> bytes:
    """Encode evidence to seal it: its salt and its deflated JSON. Digests are those of the canonical bytes."""
    return evidence.salt + deflate(evidence.canonical[SALT_BYTES:])


def decode_evidence(data: bytes) -> Evidence:
    """Decode evidence whose JSON is deflated, or not as in earlier releases. Raises Tampered."""
    return Evidence(canonical=data[:SALT_BYTES] + inflate(data[SALT_BYTES:]))


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
            **encode_call_fields(facts, statements),
            "decision": encode_decision_fields(decision),
            "consent": [encode_event_fields(event) for event in events],
        }
    )


def encode_call_fields(facts: CallFacts, statements: Sequence[CallFacts]) -> dict[str, Any]:
    """Return the fields of a call: its facts, and all statements where there is more than one."""
    several = (
        {"statements": [encode_facts_fields(facts) for facts in statements]} if len(statements) > 1 else {}
    )
    return {"call": encode_facts_fields(facts), **several}


def decode_call_fields(content: Mapping[str, Any]) -> list[CallFacts]:
    """Return all statements about the call, from evidence of the sealing or from a later ``facts`` entry."""
    if "call" not in content:
        return []
    return [
        decode_facts_fields(Fields(facts, "Evidence, call,"))
        for facts in content.get("statements", [content["call"]])
    ]


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
        if not hmac.compare_digest(before.digest, entry.content.get("before", "")):
            raise Tampered("An entry of the evidence chain does not have the digest of the entry before it.")


def encode_decision_fields(decision: Decision) -> dict[str, Any]:
    """Return a decision as a JSON object, with every reason."""
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
    return Evidence(canonical=secrets.token_bytes(SALT_BYTES) + write_object(dict(content), version=_VERSION))


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The sealed details of a recording."""

    #: SHA-256 of the plaintext audio, for audits.
    sha256: bytes
    #: The call facts from the recording's own source.
    facts: CallFacts
    #: The canonical bytes of the evidence.
    evidence: bytes


def encode_details(details: Details) -> bytes:
    """Encode details: one byte, the salt of the evidence, and deflated a line of JSON and the JSON of the evidence.

    Where that is longer than MAX_DEFLATED they are one JSON object, which is what earlier releases wrote.
    """
    head = {"sha256": details.sha256.hex(), "facts": encode_facts_fields(details.facts)}
    salt, evidence = details.evidence[:SALT_BYTES], details.evidence[SALT_BYTES:]
    text = write_object(head, version=2, sort_keys=False) + b"\n" + evidence
    if len(text) > MAX_DEFLATED:
        return write_object({**head, "evidence": details.evidence}, sort_keys=False)
    return _DEFLATED + salt + deflate(text)


def decode_details(data: bytes) -> Details:
    """Decode details of either form. Raises Tampered."""
    if not data.startswith(_DEFLATED):
        fields = read_object(data, _WHAT)
        return _details(fields, fields.blob("evidence"))
    start = len(_DEFLATED) + SALT_BYTES
    head, _, evidence = inflate(data[start:]).partition(b"\n")
    return _details(read_object(head, _WHAT, versions=(2,)), data[len(_DEFLATED) : start] + evidence)


def _details(fields: Fields, evidence: bytes) -> Details:
    try:
        sha256 = bytes.fromhex(fields.text("sha256"))
    except ValueError:
        raise Tampered(f"{_WHAT} have a sha256 that is not hexadecimal.") from None
    details = Details(sha256=sha256, facts=decode_facts_fields(fields.inner("facts")), evidence=evidence)
    fields.done()
    return details
