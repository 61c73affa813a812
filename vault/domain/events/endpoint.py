"""An endpoint: a URL of an account that receives events, and the body that is sent there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from vault.backoff import Backoff
from vault.domain.events.event_types import EVERY_TYPE, OUTWARD_TYPES
from vault.domain.field_types import Later
from vault.domain.outbox.message import Message
from vault.domain.outbox.signature import public_key_of
from vault.errors import Invalid
from vault.rfc3339 import write_rfc3339

#: The folder of their messages in ``vault/services/outbox/kinds``.
KIND: Final = "events"
#: The type of a test event, which no entry of the log causes.
TEST_TYPE: Final = "endpoint.test"
#: Endpoints of one account.
MAX_ENDPOINTS: Final = 20
#: How long the former secret signs too, beside the new one.
MAX_GRACE: Final = timedelta(days=7)
#: Public keys of one endpoint that are kept, with those that sign no more.
MAX_PUBLIC_KEYS: Final = 20
BACKOFF: Final = Backoff(first=timedelta(seconds=5), most=timedelta(hours=10), factor=6, least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key with which anybody verifies the signatures of an endpoint's messages."""

    #: ``whpk_`` and its 32 bytes in base64.
    key: str
    since: datetime
    #: When it signs no more; None: nobody knows yet.
    until: datetime | None = None


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
    #: Until when the former secret, and the former private key, sign too.
    grace_until: datetime | None = None
    #: The oldest first. Those that sign no more are kept, for those who verify old messages.
    public_keys: Later[tuple[PublicKey, ...]] = ()
    #: Whether the next event is sent only after the one before was accepted.
    ordered: Later[bool] = False

    @property
    def public_key(self) -> str | None:
        """Return the public key of the signatures from now on; None if there are none that anybody can verify."""
        return self.public_keys[-1].key if self.public_keys and self.public_keys[-1].until is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSecrets:
    """What is sealed of an endpoint."""

    url: str
    description: str
    secret: str = field(repr=False)
    #: The secret before, while its grace lasts.
    former: str | None = field(default=None, repr=False)
    #: The key of signatures that anybody can verify, and the one before.
    private_key: str | None = field(default=None, repr=False)
    former_private_key: str | None = field(default=None, repr=False)

    @property
    def public_key(self) -> str | None:
        """Return the public key of the private one."""
        return None if self.private_key is None else public_key_of(self.private_key)

    def signing(self, stored: StoredEndpoint, now: datetime) -> Sequence[str]:
        """Return the secrets and private keys that sign now, the newer ones first."""
        in_grace = stored.grace_until is not None and now < stored.grace_until
        keys = [self.secret, *([self.former] if in_grace else [])]
        keys += [self.private_key, *([self.former_private_key] if in_grace else [])]
        return [key for key in keys if key is not None]


def public_keys_after(
    keys: Sequence[PublicKey], public_key: str | None, *, now: datetime, until: datetime
) -> tuple[PublicKey, ...]:
    """Return the keys after a change: ``public_key`` signs from now on, the one before it ``until`` then."""
    if keys and keys[-1] == PublicKey(key=public_key or "", since=keys[-1].since):
        return tuple(keys)
    ended = [replace(one, until=until if one.until is None else min(one.until, now)) for one in keys]
    new = [] if public_key is None else [PublicKey(key=public_key, since=now)]
    return tuple([*ended, *new][-MAX_PUBLIC_KEYS:])


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


def body_of_test(message: Message) -> bytes:
    """Return the body of a test event. It has no number: nothing has happened in the account."""
    fields = {
        "id": message.id,
        "type": message.type,
        "timestamp": write_rfc3339(message.at),
        "data": {"account": message.account_id, "endpoint": endpoint_of(message.destination)},
    }
    return json.dumps(fields).encode()


#: The field of a message's content that is not in ``data``.
SEQUENCE: Final = "sequence"


def _kept(message: Message, names: Sequence[str]) -> Mapping[str, str]:
    content = message.content
    return {"account": message.account_id, **{name: content[name] for name in names if name in content}}
