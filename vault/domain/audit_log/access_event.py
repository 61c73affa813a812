"""Access events: what the log says of an access, without a word that tells of a person.

The body of an event is what later becomes a leaf: canonical JSON with the vault's own random ids.
Names, addresses and free text stand in a sealed detail; the body carries a commitment to it.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from vault.domain.ids import new_id

EventType = Literal[
    "recording.available", "recording.quarantined", "recording.refused", "recording.failed",
    "recording.conflict", "recording.sent_again", "recording.restricted", "recording.unrestricted",
    "recording.erasing", "recording.erased", "recording.tampered", "recording.missing", "call.erased",
    "recording.missed", "source.deleted", "source.delete_failed", "source.kept",
    "link.created", "link.revoked",
    "playback.open", "playback.grant", "playback.end", "playback.denied",
    "download.grant", "download.end", "waveform.read",
    "key.created", "key.revoked", "key.exported", "key.rotated", "key.rewrapped", "key.destroyed",
    "vault.restored", "log.database_went_back", "store.went_back",
    "account.opened", "account.changed", "connection.changed", "connection.deleted", "switch.changed",
    "policy.changed", "objection.entered", "objection.ended", "consent.told", "evidence.read", "recording.paused",
    "notice.drafted", "notice.changed", "notice.deleted", "notice.published", "notice.retired",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEvent:
    """One line of the access log, before it has its place in the tree."""

    type: EventType
    at: datetime
    account_id: str | None
    #: Who acted: an API key's id, a session's id, ``worker`` or ``operator``.
    actor: str
    id: str = field(default_factory=lambda: new_id("evt"))
    recording_id: str | None = None
    link_id: str | None = None
    session_id: str | None = None
    #: Plaintext bytes [first, end) that a grant covers, or that were sent.
    first: int | None = None
    end: int | None = None
    #: A code from a closed set, such as a refusal's.
    result: str | None = None
    #: The digest at the head of the recording's chain of evidence; its bytes begin with a random salt.
    evidence: str | None = None
    #: Sealed under the account key: who listened, from where.
    sealed_detail: bytes | None = None
    #: What it is about, where its leaf does not name that: a row's id, a call or a connection. In no body.
    subject: str | None = field(default=None, compare=False)

    @property
    def body(self) -> bytes:
        """Return the canonical bytes: JSON, keys sorted, no blanks, absent fields left out."""
        said = {
            "v": 1,
            "id": self.id,
            "type": self.type,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "account": self.account_id,
            "actor": self.actor,
            "recording": self.recording_id,
            "link": self.link_id,
            "session": self.session_id,
            "first": self.first,
            "end": self.end,
            "result": self.result,
            "evidence": self.evidence,
            "detail": hashlib.sha256(self.sealed_detail).hexdigest() if self.sealed_detail else None,
        }
        present = {name: value for name, value in said.items() if value is not None}
        return json.dumps(present, sort_keys=True, separators=(",", ":")).encode()


def parse_event(body: bytes, sealed_detail: bytes | None = None) -> AccessEvent:
    """Read an event from its body, which is not checked: ValueError, KeyError or TypeError if it is none."""
    said = json.loads(body)
    return AccessEvent(
        id=said["id"],
        type=said["type"],
        at=datetime.fromisoformat(said["at"]),
        account_id=said.get("account"),
        actor=said["actor"],
        recording_id=said.get("recording"),
        link_id=said.get("link"),
        session_id=said.get("session"),
        first=said.get("first"),
        end=said.get("end"),
        result=said.get("result"),
        evidence=said.get("evidence"),
        sealed_detail=sealed_detail,
    )
