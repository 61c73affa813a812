"""How the nouns that are sealed or kept as JSON are written down, and read back. Each has a version."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vault.domain.calls.call import Announcement, CallFacts
from vault.errors import Tampered

_VERSION = 1
_MOMENTS = ("started_at", "answered_at", "ended_at")


def encode_facts(facts: CallFacts) -> bytes:
    """Write call facts."""
    return _dump(facts_json(facts))


def decode_facts(text: bytes) -> CallFacts:
    """Read call facts back. Raises Tampered."""
    return _facts(_load(text))


def encode_announcement(announcement: Announcement, facts: CallFacts) -> bytes:
    """Write an announcement with what its delivery said of the call."""
    said = {
        "recording_ref": announcement.recording_ref,
        "url": announcement.url,
        "source_ref": announcement.source_ref,
        "kind": announcement.kind,
        "voices": list(announcement.voices),
        "facts": facts_json(facts),
    }
    return _dump(said)


def decode_announcement(text: bytes) -> tuple[Announcement, CallFacts]:
    """Read an announcement back. Raises Tampered."""
    said = _load(text)
    announcement = Announcement(
        recording_ref=said["recording_ref"],
        url=said["url"],
        source_ref=said["source_ref"],
        kind=said["kind"],
        voices=tuple(said["voices"]),
    )
    return announcement, _facts(said["facts"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What is sealed beside the audio."""

    #: SHA-256 of the plaintext audio, which auditors check.
    sha256: bytes
    #: What the recording's own source said of the call.
    facts: CallFacts
    #: The canonical bytes of the evidence.
    evidence: bytes


def encode_details(details: Details) -> bytes:
    """Write details."""
    return _dump(
        {
            "sha256": details.sha256.hex(),
            "facts": facts_json(details.facts),
            "evidence": base64.b64encode(details.evidence).decode(),
        }
    )


def decode_details(text: bytes) -> Details:
    """Read details back. Raises Tampered."""
    said = _load(text)
    return Details(
        sha256=bytes.fromhex(said["sha256"]),
        facts=_facts(said["facts"]),
        evidence=base64.b64decode(said["evidence"]),
    )


def encode_credentials(credentials: list[Mapping[str, str]]) -> bytes:
    """Write a connection's credentials: current first, then previous."""
    return _dump({"credentials": [dict(one) for one in credentials]})


def decode_credentials(text: bytes) -> list[dict[str, str]]:
    """Read credentials back. Raises Tampered."""
    credentials: list[dict[str, str]] = _load(text)["credentials"]
    return credentials


def facts_json(facts: CallFacts) -> dict[str, Any]:
    """Return call facts as JSON: moments in ISO 8601, what is unknown left out."""
    said = {name: getattr(facts, name) for name in CallFacts.__slots__}
    for name in _MOMENTS:
        said[name] = said[name].isoformat() if said[name] else None
    return {name: value for name, value in said.items() if value is not None}


def read_facts(said: dict[str, Any]) -> CallFacts:
    """Undo ``facts_json``."""
    return _facts(said)


def _facts(said: dict[str, Any]) -> CallFacts:
    values: dict[str, Any] = {name: said.get(name) for name in CallFacts.__slots__}
    for name in _MOMENTS:
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    return CallFacts(**values)


def _dump(said: dict[str, Any]) -> bytes:
    return json.dumps({"v": _VERSION, **said}, separators=(",", ":")).encode()


def _load(text: bytes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(text)
    if said.get("v") != _VERSION:
        raise Tampered("A sealed record has a version that this release does not know.")
    return said
