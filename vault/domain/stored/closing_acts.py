"""Closing acts: changes that must survive the loss of the whole database, each stored in a small object.

Each type of access event says in its entry whether it is one, and when its object may be deleted
(``vault/domain/audit_log/event_types``). Version 1 of the object is a signed note (vault/tlog/note.py):

    callvault closing acts v1
    <account id, or "vault">
    <one JSON object per act, in the order of their events>

It contains ids, codes, and data that was already sealed, so writing it needs no key service. The acts of one
transaction are in one object, named after the id of their first event.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from vault.domain.audit_log.access_event import AccessEvent, parse_event
from vault.domain.audit_log.event_types.event_rules import Closing
from vault.domain.audit_log.event_types.table import CLOSING, EventType
from vault.domain.stored.closing_content import CONTENT_OF
from vault.domain.stored.json_reader import read_object, write_object
from vault.errors import Tampered

#: For acts that are not anchored yet: only those of the last seconds.
PREFIX: Final = "closing/"
#: For acts whose content is neither in the log nor in an account's object: stored permanently.
KEPT_PREFIX: Final = "closed/"
#: Maximum bytes of one act. The largest is a decision on 10,000 recordings and 10,000 calls, whose refs have up to 200
#: characters of 12 bytes in JSON, in base64: 33 MB. A hold of 500 numbers has up to 2 MB.
MAX_ACT_BYTES: Final = 40 * 1024 * 1024
#: Maximum bytes of an object: its largest act, light ones beside it, and the signature.
MAX_OBJECT_BYTES: Final = MAX_ACT_BYTES + 1024 * 1024
#: The account part of a key, for acts without an account.
VAULT: Final = "vault"
_HEAD: Final = "callvault closing acts v1"
_PLACE = re.compile(rf"({PREFIX}|{KEPT_PREFIX})(acct_[0-9a-f]+|{VAULT})/(evt_[0-9a-f]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One closing act: its event, and the content that its leaf does not have."""

    #: Without its sealed detail.
    event: AccessEvent
    #: The event's exact bytes in the log.
    leaf: bytes
    content: object = None
    #: The id of its transaction's first event, which is in the object's key.
    batch: str
    #: Whether its object is stored permanently.
    is_permanent: bool = False

    @property
    def weight(self) -> int:
        """Return its weight in an object."""
        if self.event.type == "approval.executed":
            return 0  # One in a transaction, so that it is in the object of what was approved.
        return CONTENT_OF[self.event.type].weight

    @property
    def location(self) -> str:
        """Return the key of its object."""
        return location_of(self.event.account_id, self.batch, permanent=self.is_permanent)


def closing_of(event: AccessEvent) -> Closing | None:
    """Return the properties of a closing act; None if the event is not one."""
    closing = CLOSING.get(event.type)
    return closing if closing is not None and closing.when(event.result) else None


def closed_by(event: AccessEvent) -> str | None:
    """Return the id of what the event of a closing act closed, as its service identifies it on a retry."""
    closed: str | None = getattr(event, CLOSING[event.type].subject)
    return closed


def subject_of(kind: EventType, name: str) -> str:
    """Return the subject of an act: its event type and the id of the closed entity."""
    return f"{kind} {name}"


def location_of(account_id: str | None, batch: str, *, permanent: bool = False) -> str:
    """Return the key of an object of acts."""
    return f"{KEPT_PREFIX if permanent else PREFIX}{account_id or VAULT}/{batch}"


def parse_location(key: str) -> tuple[str | None, str] | None:
    """Parse the key of an object of acts: account (None for the vault) and first event. Return None for another key."""
    match = _PLACE.fullmatch(key)
    return None if match is None else (None if match[2] == VAULT else match[2], match[3])


def encode_act(act: Act) -> bytes:
    """Encode one act as a line without its line end."""
    content = {} if act.content is None else CONTENT_OF[act.event.type].encode(act.content)
    return write_object({"leaf": act.leaf, "content": content})


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
    content = CONTENT_OF[event.type].decode(fields.inner("content"), event)
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
    is_permanent = location.startswith(KEPT_PREFIX)
    acts = [
        replace(decode_act(line.encode("utf-8", "surrogatepass"), batch=place[1]), is_permanent=is_permanent)
        for line in lines[2:]
    ]
    if any(act.event.account_id != place[0] for act in acts) or place[1] not in {
        act.event.id for act in acts
    }:
        raise Tampered("The object's content does not match its name.")
    return acts
