"""Asking a provider for something: requests and replies as values, so that adapters stay pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vault.domain.calls.call import Announcement, CallFacts


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Access:
    """What an adapter needs to ask its provider as one account. It has no repr: it holds secrets."""

    credentials: Mapping[str, str]
    #: Where the provider's REST interface is, without a slash at its end; None for the usual place.
    api_base: str | None
    #: The present moment, for tokens that say when they were made.
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MediaRequest:
    """How one recording is fetched from its provider. It has no repr: URL and headers are secrets."""

    url: str
    #: Credentials, for the provider's own hosts alone. Empty for pre-signed URLs.
    headers: Mapping[str, str]
    #: Hosts the URL may name: exact names, or ``*.`` and a suffix; the operator's list comes on top.
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RestRequest:
    """One call of a provider's REST interface."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    #: As in MediaRequest.
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RestReply:
    """What the provider answered. At most a mebibyte of body is kept."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One recording in a provider's list."""

    announcement: Announcement
    facts: CallFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPage:
    """A page of a provider's list of recordings."""

    items: Sequence[Listed] = field(default=())
    #: What asks for the next page; None at the end.
    cursor: str | None = None
