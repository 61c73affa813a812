"""What goes between a provider and the vault, as values, so that adapters stay pure: webhooks, requests, responses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vault.domain.calls.call import Announcement, CallFacts


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Access:
    """An adapter's access to its provider for one account. It has no repr, since it holds secrets."""

    credentials: Mapping[str, str]
    #: Base URL of the provider's REST API, without a trailing slash; None for the default.
    api_base: str | None
    #: The current time, for tokens that contain their creation time.
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MediaRequest:
    """The request that fetches one recording. It has no repr, since URL and headers are secrets."""

    url: str
    #: Credentials, sent only to the provider's own hosts. Empty for pre-signed URLs.
    headers: Mapping[str, str]
    #: Permitted hosts of the URL: exact names, or ``*.`` and a suffix; the operator's list is added.
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RestRequest:
    """One request to a provider's REST API."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    #: As in MediaRequest.
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RestReply:
    """The provider's response; the body is at most 1 MiB."""

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
    #: Requests the next page; None on the last page.
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An HTTP request before its authentication."""

    method: str
    #: The vault's URL at the provider: from settings, never from the Host header.
    url: str
    #: Names in lower case; the values of a repeated header are joined by a comma.
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
