"""Writes a recording as a vCon: draft-ietf-vcon-vcon-core-03, syntax 0.4.0, unsigned.

A one-speaker copy is a vCon with ``redacted``: the other party is an empty placeholder, so that indices do not move.
"""

import base64
import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vault.domain.calls.call import CallFacts, Voice
from vault.rfc3339 import parse_rfc3339, write_rfc3339

#: The draft's syntax version: the only place that names it.
SYNTAX: Final = "0.4.0"
#: The extension, and the purpose of its attachments.
_LAWFUL_BASIS: Final = "lawful_basis"
_PARTIES: Final = ("caller", "callee")
_VERSION_BITS: Final = 0x8 << 76
_VARIANT_BITS: Final = 0x2 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedAudio:
    """The audio file beside the vCon."""

    filename: str
    mediatype: str
    #: SHA-512 of the file.
    sha512: bytes
    #: Seconds; None if unknown.
    duration: float | None
    #: The party whose channel alone it is; None for the whole recording.
    only: Voice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """What a party answered about the recording of the call, as the evidence has it."""

    party: Voice
    #: False for a refusal, a withdrawal and an objection.
    granted: bool
    method: str
    at: datetime
    #: The digest of the evidence entry.
    digest: str


def write_vcon(
    recording_id: str,
    facts: CallFacts,
    voices: Sequence[Voice],
    audio: ExportedAudio,
    *,
    started_at: datetime,
    created_at: datetime,
    host: str,
    answers: Sequence[GivenAnswer] = (),
) -> dict[str, Any]:
    """Return the vCon of one recording as a JSON object; ``answers``: of the parties that it shows."""
    dialog: dict[str, Any] = {
        "type": "recording",
        "start": write_rfc3339(started_at),
        "parties": _channels(voices, audio.only),
        "mediatype": audio.mediatype,
        "filename": audio.filename,
        "content_hash": content_hash(audio.sha512),
    }
    if audio.duration is not None:
        dialog["duration"] = round(audio.duration, 3)
    vcon: dict[str, Any] = {
        "vcon": SYNTAX,
        "uuid": str(uuid8(created_at, f"{host}/{recording_id}")),
        "created_at": write_rfc3339(created_at),
        "parties": [_party(facts, party, audio.only) for party in _PARTIES],
        "dialog": [dialog],
    }
    if audio.only is not None:
        original = str(uuid8(started_at, f"{host}/{recording_id}/whole"))
        vcon["redacted"] = {"uuid": original, "type": "other-party-audio"}
    if answers:
        vcon["extensions"] = [_LAWFUL_BASIS]
        vcon["attachments"] = [_lawful_basis(answer) for answer in answers]
    return vcon


def _lawful_basis(answer: GivenAnswer) -> dict[str, Any]:
    """Return the attachment of draft-howe-vcon-lawful-basis-02, which says what a party permitted.

    The proof is of the type ``external_system``: the digest of an entry in ``evidence.json``, also where the party
    spoke or pressed a key, because the vault does not check what was said.
    """
    at = write_rfc3339(answer.at)
    grant = {"purpose": "recording", "granted": answer.granted, "granted_at": at}
    evidence = {"system": "callvault", "method": answer.method, "evidence_sha256": answer.digest}
    return {
        "purpose": _LAWFUL_BASIS,
        "start": at,
        "party": _PARTIES.index(answer.party),
        "dialog": 0,
        "encoding": "json",
        "body": {
            "lawful_basis": "consent",
            "expiration": None,
            "purpose_grants": [grant],
            "proof_mechanisms": [{"proof_type": "external_system", "timestamp": at, "proof_data": evidence}],
        },
    }


def given_answers(evidence: Iterable[Mapping[str, Any]]) -> list[GivenAnswer]:
    """Return the answers in the entries of ``evidence.json``, each once; a notice alone is no answer."""
    answers = dict[tuple[str, ...], GivenAnswer]()
    for entry in evidence:
        for event in entry["consent"]:
            named = event["party"], event["answer"], event["method"], event["at"]
            if event["party"] in _PARTIES and event["answer"] != "announced" and named not in answers:
                answers[named] = GivenAnswer(
                    party=event["party"],
                    granted=event["answer"] == "accepted",
                    method=event["method"],
                    at=parse_rfc3339(event["at"]),
                    digest=entry["digest"],
                )
    return list(answers.values())


def content_hash(sha512: bytes) -> str:
    """Return a digest as the draft writes it: ``sha512-`` and base64url without padding."""
    return "sha512-" + base64.urlsafe_b64encode(sha512).decode().rstrip("=")


def uuid8(at: datetime, name: str) -> uuid.UUID:
    """Return a UUID of version 8 (RFC 9562): the milliseconds of version 7, and bits of a hash of the name."""
    milliseconds = int(at.timestamp() * 1000) & ((1 << 48) - 1)
    high = int.from_bytes(hashlib.sha256(name.encode()).digest()[:10], "big")
    low_12, low_62 = high & 0xFFF, (high >> 12) & ((1 << 62) - 1)
    return uuid.UUID(int=milliseconds << 80 | _VERSION_BITS | low_12 << 64 | _VARIANT_BITS | low_62)


def _party(facts: CallFacts, party: str, only: Voice | None) -> Mapping[str, str]:
    if only is not None and party != only:
        return {}
    number = facts.caller if party == "caller" else facts.callee
    return {} if number is None else {"tel": number}


def _channels(voices: Sequence[Voice], only: Voice | None) -> int | list[int | list[int]]:
    """Return the parties of the dialog: one of a one-speaker copy, one for each channel, or all on one channel."""
    if only is not None:
        return _PARTIES.index(only)
    indexes = {"caller": 0, "callee": 1}
    if len(voices) > 1 and all(voice in indexes for voice in voices):
        return [indexes[voice] for voice in voices]
    return [0, 1]
