"""A telephony platform: how it proves itself, what its events say, how its media is fetched."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from vault.domain.call import Announcement, Heard
from vault.domain.delivery import Delivery, MediaRequest

Credentials = Mapping[str, str]


class Provider(Protocol):
    """One platform. All of it is plain functions over values: no I/O, no clock."""

    @property
    def name(self) -> str:
        """Return the name in URLs and connections: ``platform``, ``aircall``, ``twilio``."""

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid, naming the field, unless these are complete and well formed."""

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless one of ``credentials`` (current, previous) proves the delivery.

        Nothing that a caller can send makes it raise anything else. An empty list takes as long
        as a wrong secret.
        """

    def understand(self, delivery: Delivery) -> Heard | None:
        """Return what an authentic delivery says; None for events that do not concern the vault.

        Raises Invalid, naming the field, for a body that cannot be meant.
        """

    def media_request(self, announcement: Announcement, credentials: Credentials) -> MediaRequest:
        """Return how the announced media is fetched."""

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return what the admin must enter at the platform, as JSON for people."""


class Fetched(Protocol):
    """A response whose head was accepted."""

    @property
    def length(self) -> int | None:
        """Return the declared length in bytes, where one was declared."""

    def blocks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises FetchFailed when a limit is passed or it ends early."""


class Fetcher(Protocol):
    """Gets media from the hosts it may reach, and from no other address."""

    def fetch(self, request: MediaRequest) -> AbstractAsyncContextManager[Fetched]:
        """Open the URL. Raises FetchFailed: ``final`` for a foreign host, a private address, a redirect, 410.

        401, 403 and 404 are not final: platforms announce media before all of their servers have it.
        ``blocks`` is read at most once, closed with ``aclosing``, and left before the context is.
        """
