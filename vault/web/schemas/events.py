"""Bodies and answers of events: the endpoints that receive them, and systems that ask for them."""

from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from vault.domain.events.endpoint import MAX_GRACE
from vault.domain.page import PAGE
from vault.services.events.endpoints import EndpointChange, EndpointView, MadeEndpoint
from vault.services.events.poll_events import MAX_WAIT, EventsWanted
from vault.web.schemas.base import Body, Flag, MomentOut, Words

_Url = Annotated[str, Field(min_length=1, max_length=500)]
_Types = Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=100)]
_DAY = 24 * 3600
_MAX_NUMBER = 2**62


class PollQuery(Body):
    """Which events a system asks for."""

    #: The number of the last event that it has: the ``next`` of the answer before. Without it: from the oldest on.
    after: Annotated[int, Field(ge=0, le=_MAX_NUMBER)] | None = None
    #: Types of events; without it, all.
    types: _Types | None = None
    limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE
    #: Seconds to wait for an event if there is none.
    wait: Annotated[int, Field(ge=0, le=int(MAX_WAIT.total_seconds()))] = 0

    def wanted(self) -> EventsWanted:
        """Return it as the service takes it."""
        return EventsWanted(
            after=self.after, types=self.types, limit=self.limit, wait=timedelta(seconds=self.wait)
        )


class PolledEventOut(BaseModel):
    """An event, as endpoints receive it."""

    id: str
    type: str
    #: When it happened.
    timestamp: str
    #: Numbers the events of the account without gaps.
    sequence: int
    #: The recording was erased since: ``data`` has ids alone.
    superseded: bool = False
    #: The account, and ids and codes by the type.
    data: dict[str, str]


class PolledEventsOut(BaseModel):
    """Events in the order of their numbers."""

    items: list[PolledEventOut]
    #: The ``after`` of the next call; null before the account's first event.
    next: int | None
    #: Whether there are more to ask for immediately.
    has_more: bool


class EventEndpointIn(Body):
    """An endpoint to make."""

    #: An https URL. The vault reaches no address inside its own network.
    url: _Url
    #: Types of events; `*` stands for all, also those of later releases.
    types: _Types
    #: For people.
    description: Words = ""
    #: Sign with Ed25519 too, so that anybody can verify who sent an event.
    ed25519: Flag = False
    #: Whether the next event is sent only after the one before was accepted.
    ordered: Flag = False

    def wanted(self) -> EndpointChange:
        """Return it as the service takes it."""
        return EndpointChange(
            url=self.url,
            types=self.types,
            description=self.description,
            ed25519=self.ed25519,
            ordered=self.ordered,
        )


class EventEndpointPatchIn(Body):
    """What to change of an endpoint."""

    url: _Url | None = None
    types: _Types | None = None
    description: Words | None = None
    #: Whether to sign with Ed25519 too; a key that is taken away does not come back.
    ed25519: Flag | None = None
    ordered: Flag | None = None

    def wanted(self) -> EndpointChange:
        """Return it as the service takes it."""
        return EndpointChange(
            url=self.url,
            types=self.types,
            description=self.description,
            ed25519=self.ed25519,
            ordered=self.ordered,
        )


class EventSecretIn(Body):
    """For how long the former secret, and the former key of Ed25519, sign too."""

    grace_seconds: Annotated[int, Field(ge=0, le=int(MAX_GRACE.total_seconds()))] = _DAY


class EventEndpointOut(BaseModel):
    """An endpoint, without its secret."""

    id: str
    url: str
    types: list[str]
    description: str
    #: Whether the next event is sent only after the one before was accepted.
    ordered: bool
    created_at: MomentOut
    changed_at: MomentOut
    changed_by: str
    #: Until when the former secret signs too.
    former_secret_until: MomentOut | None = None
    #: Verifies the signatures `v1a`, if it signs with Ed25519 too. Anybody can get it, and those before it,
    #: at `/.well-known/callvault-event-keys/{endpoint}`.
    public_key: str | None = None
    #: Events that are still to be sent.
    waiting: int
    #: Since when it has taken nothing.
    failing_since: MomentOut | None = None
    #: Before this nothing is sent, because the last attempts failed, or it asked for that.
    blocked_until: MomentOut | None = None
    #: When it was switched off. A PATCH switches it on again.
    disabled_at: MomentOut | None = None

    @classmethod
    def of(cls, view: EndpointView) -> Self:
        """Return the answer."""
        return cls(**_fields(view))


class EventEndpointMadeOut(EventEndpointOut):
    """An endpoint with its new secret."""

    #: Signs each event (Standard Webhooks). It is in this response alone.
    secret: str

    @classmethod
    def made(cls, made: MadeEndpoint) -> Self:
        """Return the answer."""
        return cls(secret=made.secret, **_fields(made.view))


class EventKeyOut(BaseModel):
    """A public key of an endpoint."""

    #: `whpk_` and the 32 bytes of an Ed25519 key in base64.
    key: str
    since: MomentOut
    #: When it signs no more.
    until: MomentOut | None = None


class EventKeysOut(BaseModel):
    """The public keys of an endpoint, the oldest first: the last 20."""

    keys: list[EventKeyOut]


class EventEndpointsOut(BaseModel):
    """The endpoints of an account, the oldest first."""

    items: list[EventEndpointOut]


def _fields(view: EndpointView) -> dict[str, Any]:
    endpoint, health = view.endpoint, view.health
    return {
        "id": endpoint.id, "url": view.url, "types": list(endpoint.types), "description": view.description,
        "ordered": endpoint.ordered,
        "created_at": endpoint.created_at, "changed_at": endpoint.changed_at, "changed_by": endpoint.changed_by,
        "former_secret_until": endpoint.grace_until, "public_key": endpoint.public_key, "waiting": view.waiting,
        "failing_since": health.failing_since, "blocked_until": health.blocked_until,
        "disabled_at": health.disabled_at,
    }  # fmt: skip
