"""Access events: the entries of the access log, without personal data.

The body of an event, which becomes a leaf, is canonical JSON with the vault's random ids. Names, IP
addresses and free text are in a sealed detail; the body contains a commitment to it.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import new_id
from vault.rfc3339 import parse_rfc3339, write_rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEvent:
    """One entry of the access log, before it has an index in the tree."""

    type: EventType
    at: datetime
    account_id: str | None
    #: An API key's id, a session's id, a person's id, ``worker`` or ``operator``.
    actor: str
    id: str = field(default_factory=lambda: new_id("evt"))
    recording_id: str | None = None
    link_id: str | None = None
    session_id: str | None = None
    #: Plaintext bytes [first, end): granted or sent.
    first: int | None = None
    end: int | None = None
    #: A code from a closed set, such as a refusal code.
    result: str | None = None
    #: The digest at the head of the recording's evidence chain; the digested bytes begin with a random salt.
    evidence: str | None = None
    #: SHA-256, in hexadecimal, of the token that a customer's key has signed and that let the listener in.
    permission: str | None = None
    #: A keyed hash of the human whom a removal means, so that it holds in every connection.
    identity: str | None = None
    #: Listener and IP address, sealed under the account key.
    sealed_detail: bytes | None = None
    #: The id of the row, call or connection concerned, where the leaf does not contain it. Not part of the body.
    subject: str | None = field(default=None, compare=False)

    @property
    def body(self) -> bytes:
        """Return the canonical bytes: JSON with sorted keys, without spaces and without absent fields."""
        values = {
            "v": 1,
            "id": self.id,
            "type": self.type,
            "at": write_rfc3339(self.at, "microseconds"),
            "account": self.account_id,
            "actor": self.actor,
            "recording": self.recording_id,
            "link": self.link_id,
            "session": self.session_id,
            "first": self.first,
            "end": self.end,
            "result": self.result,
            "evidence": self.evidence,
            "permission": self.permission,
            "identity": self.identity,
            "detail": hashlib.sha256(self.sealed_detail).hexdigest() if self.sealed_detail else None,
        }
        present = {name: value for name, value in values.items() if value is not None}
        return json.dumps(present, sort_keys=True, separators=(",", ":")).encode()


def parse_event(body: bytes, sealed_detail: bytes | None = None) -> AccessEvent:
    """Parse an event's body without validation. Raises ValueError, KeyError or TypeError if it is not an event."""
    values = json.loads(body)
    return AccessEvent(
        id=values["id"],
        type=values["type"],
        at=parse_rfc3339(values["at"]),
        account_id=values.get("account"),
        actor=values["actor"],
        recording_id=values.get("recording"),
        link_id=values.get("link"),
        session_id=values.get("session"),
        first=values.get("first"),
        end=values.get("end"),
        result=values.get("result"),
        evidence=values.get("evidence"),
        permission=values.get("permission"),
        identity=values.get("identity"),
        sealed_detail=sealed_detail,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """An access event with its index in the tree."""

    index: int
    event: AccessEvent
    #: The exact bytes that are hashed in the tree.
    leaf: bytes
