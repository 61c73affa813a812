"""An endpoint: a URL of an account that receives events, and the body that is sent there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vault.backoff import Backoff
from vault.domain.events.event_types import EVERY_TYPE, OUTWARD_TYPES
from vault.domain.outbox.message import Message
from vault.errors import Invalid
from vault.rfc3339 import write_rfc3339

#: The folder of their messages in ``vault/services/outbox/kinds``.
KIND: Final = "events"
#: Endpoints of one account.
MAX_ENDPOINTS: Final = 20
#: How long the former secret signs too, beside the new one.
MAX_GRACE: Final = timedelta(days=7)
BACKOFF: Final = Backoff(first=timedelta(seconds=5), most=timedelta(hours=10), factor=6, least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEndpoint:
    """An endpoint as in its row, and in the account's object."""

    id: str
    account_id: str
    types: tuple[str, ...]
    #: URL, description and secrets, as words of the account.
    sealed: str
    created_at: datetime
    changed_at: datetime
    changed_by: str
    #: Until when the former secret signs too.
    grace_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSecrets:
    """What is sealed of an endpoint."""

    url: str
    description: str
    secret: str = field(repr=False)
    #: The secret before, while its grace lasts.
    former: str | None = field(default=None, repr=False)

    def signing(self, stored: StoredEndpoint, now: datetime) -> Sequence[str]:
        """Return the secrets that sign now, the newer one first."""
        in_grace = stored.grace_until is not None and now < stored.grace_until
        return [self.secret, self.former] if in_grace and self.former is not None else [self.secret]


def destination_of(endpoint_id: str) -> str:
    """Return the destination of an endpoint in the outbox."""
    return f"{KIND}/{endpoint_id}"


def endpoint_of(destination: str) -> str:
    """Return the id of the endpoint of a destination."""
    return destination.removeprefix(f"{KIND}/")


def check_types(types: Sequence[str]) -> None:
    """Raise Invalid for a type that does not exist."""
    if unknown := sorted({*types} - {EVERY_TYPE, *OUTWARD_TYPES}):
        known = ", ".join(sorted(OUTWARD_TYPES))
        raise Invalid(
            f"types has {unknown[0]}, which is no type of event. Types are *, {known}.", field="types"
        )


def wants(types: Sequence[str], name: str) -> bool:
    """Return whether an endpoint with these types receives events of this one."""
    return name in types or EVERY_TYPE in types


def body_of(message: Message, *, is_erased: bool) -> bytes:
    """Return the body of an event: ids and codes, made now. What an erasure has overtaken says so."""
    fields: dict[str, object] = {
        "id": message.id,
        "type": message.type,
        "timestamp": write_rfc3339(message.at),
        "sequence": int(message.content[SEQUENCE]),
    }
    if is_erased and not OUTWARD_TYPES[message.type].outlives_erasure:
        fields |= {"superseded": True, "data": _kept(message, ("recording", "link"))}
    else:
        fields["data"] = _kept(message, [name for name in message.content if name != SEQUENCE])
    return json.dumps(fields).encode()


#: The field of a message's content that is not in ``data``.
SEQUENCE: Final = "sequence"


def _kept(message: Message, names: Sequence[str]) -> Mapping[str, str]:
    content = message.content
    return {"account": message.account_id, **{name: content[name] for name in names if name in content}}
