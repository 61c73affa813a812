"""Reads the evidence of a recording as REST shows it, offline: each entry has the digest of the one before."""

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vault.domain.recordings.redaction import Span
from vault.domain.stored.evidence import SALT_BYTES
from vault.domain.strict_json import read_object
from vault.errors import Invalid, Tampered

#: Bytes of a file: a recording has at most some hundred entries.
MAX_BYTES: Final = 32 * 1024 * 1024
_WRONG: Final = (
    "The file is not the evidence of a recording, as GET …/recordings/{recording}/evidence returns it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What the evidence says of one removal of audio."""

    spans: tuple[Span, ...]
    by: str
    reason: str
    at: str
    method: str
    old_sha256: str
    new_sha256: str
    silent_samples: int
    #: Of all decoded samples with 0 inside the spans, PCM16 little-endian and interleaved.
    unchanged_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    """Evidence whose digests are right."""

    recording: str
    entries: int
    removals: Sequence[Removed]


def read_evidence_file(data: bytes) -> EvidenceFile:
    """Verify evidence. Raises Invalid for another file, Tampered for one that was changed or lacks an entry."""
    try:
        shown = read_object(data, MAX_BYTES)
        recording, entries = str(shown["recording"]), [shown["sealed"], *shown["chain"]]
        said = [_said(entry, recording) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid(_WRONG) from None
    before = None
    for entry, content in zip(entries, said, strict=True):
        if content.get("before") != before:
            raise Tampered("An entry of the evidence is missing, or in the wrong place.")
        before = entry["digest"]
    try:
        removals = [_removed(one) for one in said if one.get("kind") == "redaction"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid("An entry about a removal is of another release.") from None
    return EvidenceFile(recording=recording, entries=len(entries), removals=removals)


def _said(entry: Mapping[str, Any], recording: str) -> Mapping[str, Any]:
    """Return what an entry says. Raises Tampered if its digest is another one, and what a wrong type raises."""
    canonical = b64decode(entry["canonical"], validate=True)
    if not hmac.compare_digest(hashlib.sha256(canonical).hexdigest(), entry["digest"]):
        raise Tampered("The digest of an entry is not that of its bytes.")
    content = read_object(canonical[SALT_BYTES:], MAX_BYTES)
    if content.get("recording") != recording:
        raise Tampered("An entry is of another recording.")
    return content


def _removed(said: Mapping[str, Any]) -> Removed:
    spans = [
        Span(
            begin_ms=int(one["begin_ms"]),
            end_ms=int(one["end_ms"]),
            channels=tuple(map(int, one["channels"])),
        )
        for one in said["spans"]
    ]
    words = {
        name: str(said[name])
        for name in ("by", "reason", "at", "method", "old_sha256", "new_sha256", "unchanged_sha256")
    }
    return Removed(spans=tuple(spans), silent_samples=int(said["silent_samples"]), **words)
