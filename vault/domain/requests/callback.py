"""Callbacks about requests of people: the message that waits, and the body that is sent."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vault.backoff import Backoff
from vault.domain.outbox.message import Message
from vault.domain.requests.request import Request
from vault.rfc3339 import write_rfc3339

#: The folder of its messages in ``vault/services/outbox/kinds``.
KIND: Final = "request_callbacks"
#: Tries of one delivery, over 20 to 41 hours where the receiver is not let alone meanwhile.
MAX_TRIES: Final = 15
BACKOFF: Final = Backoff(first=timedelta(seconds=5), most=timedelta(hours=6), factor=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Where an account wants to receive the changes of its requests."""

    url: str
    #: ``whsec_`` and 32 random bytes in base64.
    secret: str = field(repr=False)


def destination_of(account_id: str) -> str:
    """Return the destination of an account's callback."""
    return f"{KIND}/{account_id}"


def message_about(request: Request, event_id: str, type_: str, at: datetime) -> Message:
    """Return the message about a change of a request: ids and codes, no number, no name, no typed text."""
    content = {"request": request.id, "kind": str(request.kind), "state": str(request.state)}
    return callback_message(event_id, request.account_id, type_, at, content)


def callback_message(
    event_id: str, account_id: str, type_: str, at: datetime, content: dict[str, str]
) -> Message:
    """Return a message to the callback of an account. Its id is that of the access event."""
    return Message(
        destination=destination_of(account_id),
        id=event_id,
        account_id=account_id,
        kind=KIND,
        type=type_,
        at=at,
        content=content,
    )


def body_of(message: Message) -> bytes:
    """Return the body of a message."""
    said = {"account": message.account_id, **{name: message.content[name] for name in _NAMES}}
    return json.dumps({"type": message.type, "timestamp": write_rfc3339(message.at), "data": said}).encode()


_NAMES: Final = ("request", "kind", "state")
