"""Closing acts: changes that must survive the loss of the whole database, each stored in a small object.

Every type of access event is listed here: either it is a closing act, with the content stored beside its leaf and
the time at which the object may be deleted, or it is not. Version 1 of the object is a signed note
(vault/tlog/note.py):

    callvault closing acts v1
    <account id, or "vault">
    <one JSON object per act, in the order of their events>

It contains ids, codes, and data that was already sealed, so writing it needs no key service. The acts of one
transaction are in one object, named after the id of their first event.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from vault.domain.audit_log.access_event import AccessEvent, EventType, parse_event
from vault.domain.retention.policy import RetentionPolicy
from vault.domain.stored.closing_content import (
    DECODE_CONTENT,
    Content,
    ContentName,
    encode_content_fields,
)
from vault.domain.stored.json_reader import read_object, write_object
from vault.domain.stored.request_rows import StoredRequest
from vault.domain.stored.retention_json import StoredHold
from vault.errors import Tampered

#: For acts that are not anchored yet: only those of the last seconds.
PREFIX: Final = "closing/"
#: For acts whose content is neither in the log nor in an account's object: stored permanently.
KEPT_PREFIX: Final = "closed/"
#: Maximum weight of one object, so that acts do not make it large together: one of weight 1 has up to a kilobyte.
MAX_WEIGHT: Final = 200
#: Maximum bytes of one act. The largest is a decision on 10,000 recordings and 10,000 calls, whose refs have up to 200
#: characters of 12 bytes in JSON, in base64: 33 MB. A hold of 500 numbers has up to 2 MB.
MAX_ACT_BYTES: Final = 40 * 1024 * 1024
#: Maximum bytes of an object: its largest act, light ones beside it, and the signature.
MAX_OBJECT_BYTES: Final = MAX_ACT_BYTES + 1024 * 1024
_HEAVY: Final = 8
#: The account part of a key, for acts without an account.
VAULT: Final = "vault"
_HEAD: Final = "callvault closing acts v1"
_PLACE = re.compile(rf"({PREFIX}|{KEPT_PREFIX})(acct_[0-9a-f]+|{VAULT})/(evt_[0-9a-f]+)")

#: When the object may be deleted: once the leaf is anchored; once the account's object is written too; or never.
Until = Literal["leaf", "account_object", "always"]


def _always(_event: AccessEvent) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The properties of an event type that is a closing act."""

    content: ContentName
    until: Until
    #: The id of the closed entity, as its service identifies it on a retry.
    subject: Callable[[AccessEvent], str | None]
    when: Callable[[AccessEvent], bool] = _always


def _recording(event: AccessEvent) -> str | None:
    return event.recording_id


def _result(event: AccessEvent) -> str | None:
    return event.result


def _given(event: AccessEvent) -> str | None:
    return event.subject


CLOSING: Final[Mapping[EventType, Closing]] = {
    "switch.changed": Closing(
        content="switch", until="leaf", subject=lambda e: e.account_id, when=lambda e: e.result == "off"
    ),
    "objection.entered": Closing(content="objection", until="account_object", subject=_given),
    "consent.told": Closing(content="told", until="always", subject=_given, when=lambda e: is_no(e.result)),
    "recording.erasing": Closing(content="recording", until="leaf", subject=_recording),
    "recording.refused": Closing(
        content="recording", until="leaf", subject=_recording, when=lambda e: e.result == "refused_by_admin"
    ),
    "recording.restricted": Closing(content="none", until="leaf", subject=_recording),
    "call.erased": Closing(content="call", until="always", subject=_given),
    "call.pending_erasure": Closing(content="call", until="always", subject=_given),
    "link.revoked": Closing(content="none", until="leaf", subject=lambda e: e.link_id),
    "link.cut": Closing(content="link_cut", until="account_object", subject=_result),
    "link_key.deleted": Closing(content="none", until="account_object", subject=_given),
    "key.revoked": Closing(content="none", until="leaf", subject=_result),
    "key.destroyed": Closing(content="none", until="account_object", subject=_result),
    "connection.deleted": Closing(content="none", until="leaf", subject=_given),
    "hold.placed": Closing(content="hold", until="account_object", subject=_result),
    "hold.released": Closing(content="hold", until="account_object", subject=_result),
    "retention.changed": Closing(content="retention", until="account_object", subject=_result),
    "recording.contact_end_withdrawn": Closing(content="none", until="leaf", subject=_recording),
    "recording.pending_erasure": Closing(content="none", until="leaf", subject=_recording),
    "request.decided": Closing(content="request", until="account_object", subject=_result),
    # Without it, an account whose closure was taken back would be erased.
    "account.closure_withdrawn": Closing(content="request", until="account_object", subject=_result),
    "console.ended": Closing(content="none", until="leaf", subject=lambda e: e.session_id),
    "approval.vetoed": Closing(content="none", until="leaf", subject=_result),
    "approval.executed": Closing(content="none", until="leaf", subject=_result),
    "approval_rule.tightened": Closing(content="approval_rule", until="account_object", subject=_result),
    "sign_in.deleted": Closing(content="none", until="leaf", subject=_given),
    "role.revoked": Closing(content="none", until="leaf", subject=_result),
    "member.removed": Closing(content="none", until="leaf", subject=_result),
}  # fmt: skip

#: Not closing acts. A refusal by the switch, by a party or by the gate follows from one of the acts above.
CLOSES_NOTHING: Final[frozenset[EventType]] = frozenset(
    {
        "recording.available", "recording.quarantined", "recording.failed", "recording.conflict",
        "recording.sent_again", "recording.unrestricted", "recording.erased", "recording.tampered",
        "recording.objects_deleted", "recording.contact_ended",
        "recording.missed", "recording.missing", "source.deleted", "source.delete_failed", "source.kept",
        "link.created", "link_key.registered", "link_key.changed",
        "playback.open", "playback.grant", "playback.end", "playback.denied",
        "download.grant", "download.end", "waveform.read",
        "key.created", "key.exported", "key.rotated", "key.rewrapped",
        "vault.restored", "log.database_went_back", "store.went_back",
        "callback.changed", "callback.deleted",
        "account.closure_asked", "account.closed",
        "account.opened", "account.changed", "connection.changed", "policy.changed",
        "objection.ended", "evidence.read", "recording.paused",
        "request.received", "request.verified", "request.paused", "request.resumed", "request.extended",
        "request.withdrawn", "request.closed", "receipt.made", "export.made", "export.read",
        "export.deleted",
        "notice.drafted", "notice.changed", "notice.deleted", "notice.published", "notice.retired",
        "hold.release_asked", "retention.due", "retention.paused", "retention.resumed",
        "processing_record.changed", "recipient.entered", "recipient.changed", "recipient.ended",
        "authority.received", "authority.changed", "authority.answered",
        "details.read", "note.made", "note.changed", "note.deleted", "note.read", "console.signed_in",
        "console.refused",
        "approval.requested", "approval.approved", "approval.expired", "approval.break_glass", "approval_rule.loosened",
        "sign_in.changed", "role.granted", "member.readmitted",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One closing act: its event, and the content that its leaf does not have."""

    #: Without its sealed detail.
    event: AccessEvent
    #: The event's exact bytes in the log.
    leaf: bytes
    content: Content = None
    #: The id of its transaction's first event, which is in the object's key.
    batch: str
    #: Whether its object is stored permanently.
    kept: bool = False

    @property
    def weight(self) -> int:
        """Return its weight in an object: content is heavy, because references from a source may be long."""
        if isinstance(self.content, StoredHold | RetentionPolicy | StoredRequest):
            return (
                MAX_WEIGHT  # It names hundreds of calls or thousands of recordings, or has dozens of classes.
            )
        if self.event.type == "approval.executed":
            return 0  # One in a transaction, so that it is in the object of what was approved.
        return 1 if self.content is None else _HEAVY

    @property
    def location(self) -> str:
        """Return the key of its object."""
        return location_of(self.event.account_id, self.batch, kept=self.kept)


def closing_of(event: AccessEvent) -> Closing | None:
    """Return the properties of a closing act; None if the event is not one."""
    closing = CLOSING.get(event.type)
    return closing if closing is not None and closing.when(event) else None


def subject_of(kind: EventType, name: str) -> str:
    """Return the subject of an act: its event type and the id of the closed entity."""
    return f"{kind} {name}"


def is_no(result: str | None) -> bool:
    """Return whether the result of a ``consent.told`` is a refusal or a withdrawal."""
    return result is not None and result.rpartition("_")[2] in {"declined", "withdrawn"}


def location_of(account_id: str | None, batch: str, *, kept: bool = False) -> str:
    """Return the key of an object of acts."""
    return f"{KEPT_PREFIX if kept else PREFIX}{account_id or VAULT}/{batch}"


def parse_location(key: str) -> tuple[str | None, str] | None:
    """Parse the key of an object of acts: account (None for the vault) and first event. Return None for another key."""
    match = _PLACE.fullmatch(key)
    return None if match is None else (None if match[2] == VAULT else match[2], match[3])


def encode_act(act: Act) -> bytes:
    """Encode one act as a line without its line end."""
    return write_object({"leaf": act.leaf, "content": encode_content_fields(act.content)})


def decode_act(data: bytes, *, batch: str) -> Act:
    """Decode an act. Raises Tampered."""
    fields = read_object(data, "A closing act")
    leaf = fields.blob("leaf")
    try:
        event = parse_event(leaf)
        closing = closing_of(event)
        has_offset = event.at.utcoffset() is not None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Tampered("The leaf of a closing act is not an access event.") from error
    if closing is None or not has_offset:
        raise Tampered("The event of a closing act is not a closing act, or has no time zone.")
    content = DECODE_CONTENT[closing.content](fields.inner("content"), event)
    fields.done()
    return Act(event=event, leaf=leaf, content=content, batch=batch)


def encode_acts(acts: Sequence[Act]) -> str:
    """Encode the acts of one account and one transaction as the text of an object, to be signed."""
    lines = [_HEAD, acts[0].event.account_id or VAULT, *(encode_act(act).decode() for act in acts)]
    return "\n".join(lines) + "\n"


def decode_acts(text: str, location: str) -> list[Act]:
    """Decode the signed text of the object at ``location``.

    Raises Tampered unless the location has the acts' account and the id of one of their events.
    """
    lines = text.splitlines()
    place = parse_location(location)
    if place is None or len(lines) <= 2 or lines[:2] != [_HEAD, place[0] or VAULT]:  # noqa: PLR2004 - the head
        raise Tampered("The object's content does not match its name.")
    kept = location.startswith(KEPT_PREFIX)
    acts = [
        replace(decode_act(line.encode("utf-8", "surrogatepass"), batch=place[1]), kept=kept)
        for line in lines[2:]
    ]
    if any(act.event.account_id != place[0] for act in acts) or place[1] not in {
        act.event.id for act in acts
    }:
        raise Tampered("The object's content does not match its name.")
    return acts
