"""JSON of the records in sealed and JSON columns. Each has a version."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vault.domain.calls.call import Announcement, CallFacts
from vault.errors import Tampered
from vault.rfc3339 import parse_rfc3339, write_rfc3339_unchanged

_VERSION = 1
_MOMENTS = ("started_at", "answered_at", "ended_at")


def encode_facts(facts: CallFacts) -> bytes:
    """Encode call facts."""
    return _dump(facts_json(facts))


def decode_facts(text: bytes) -> CallFacts:
    """Decode call facts. Raises Tampered."""
    return _facts(_load(text))


def encode_announcement(announcement: Announcement, facts: CallFacts) -> bytes:
    """Encode an announcement with the call facts of its delivery."""
    values = {
        "recording_ref": announcement.recording_ref,
        "url": announcement.url,
        "source_ref": announcement.source_ref,
        "kind": announcement.kind,
        "voices": list(announcement.voices),
        "facts": facts_json(facts),
    }
    return _dump(values)


def decode_announcement(text: bytes) -> tuple[Announcement, CallFacts]:
    """Decode an announcement. Raises Tampered."""
    values = _load(text)
    announcement = Announcement(
        recording_ref=values["recording_ref"],
        url=values["url"],
        source_ref=values["source_ref"],
        kind=values["kind"],
        voices=tuple(values["voices"]),
    )
    return announcement, _facts(values["facts"])


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
    """Encode details."""
    return _dump(
        {
            "sha256": details.sha256.hex(),
            "facts": facts_json(details.facts),
            "evidence": base64.b64encode(details.evidence).decode(),
        }
    )


def decode_details(text: bytes) -> Details:
    """Decode details. Raises Tampered."""
    values = _load(text)
    return Details(
        sha256=bytes.fromhex(values["sha256"]),
        facts=_facts(values["facts"]),
        evidence=base64.b64decode(values["evidence"]),
    )


def encode_credentials(credentials: list[Mapping[str, str]]) -> bytes:
    """Encode a connection's credentials: current first, then previous."""
    return _dump({"credentials": [dict(each) for each in credentials]})


def decode_credentials(text: bytes) -> list[dict[str, str]]:
    """Decode credentials. Raises Tampered."""
    credentials: list[dict[str, str]] = _load(text)["credentials"]
    return credentials


def facts_json(facts: CallFacts) -> dict[str, Any]:
    """Return call facts as JSON: times in ISO 8601, without unknown fields."""
    values = {name: getattr(facts, name) for name in CallFacts.__slots__}
    for name in _MOMENTS:
        values[name] = write_rfc3339_unchanged(values[name]) if values[name] else None
    return {name: value for name, value in values.items() if value is not None}


def read_facts(data: dict[str, Any]) -> CallFacts:
    """Decode the result of ``facts_json``."""
    return _facts(data)


def _facts(data: dict[str, Any]) -> CallFacts:
    values: dict[str, Any] = {name: data.get(name) for name in CallFacts.__slots__}
    for name in _MOMENTS:
        values[name] = parse_rfc3339(values[name]) if values[name] else None
    return CallFacts(**values)


def _dump(values: dict[str, Any]) -> bytes:
    return json.dumps({"v": _VERSION, **values}, separators=(",", ":")).encode()


def _load(text: bytes) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(text)
    if values.get("v") != _VERSION:
        raise Tampered("A sealed record has a version that this release does not know.")
    return values
