"""A telephony platform: how it proves itself, what its events say, how its media is fetched."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.call_document import CallFlow, CallStep, Document
from vault.domain.calls.provider_api import Access, ListedPage, MediaRequest, RestReply, RestRequest
from vault.domain.calls.webhook import Delivery

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

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Return what an authentic delivery says; None for events that do not concern the vault.

        Raises Invalid, naming the field, for a body that cannot be meant.
        """

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Return how the announced media is fetched: credentials to the provider's own hosts, and no others."""

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Return the call that asks where the media lies now; None where URLs do not expire."""

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with a fresh URL.

        Raises FetchFailed: final where the provider says that it is gone, else to be tried again.
        """

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Return the call that deletes the provider's copy; None where it cannot be deleted."""

    @property
    def deletes_by_default(self) -> bool:
        """Return whether a new connection deletes the provider's copy once the vault has its own."""

    @property
    def delete_again_after(self) -> timedelta | None:
        """Return when to repeat a deletion, where success is answered for what has not arrived yet."""

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Return the call that lists recordings made since; None where there is no such list."""

    def listed(self, reply: RestReply) -> ListedPage:
        """Return what the provider listed. Raises FetchFailed for an answer that is no list."""

    @property
    def call_documents(self) -> "CallDocuments | None":
        """Return how calls are steered by documents; None where the platform asks for none."""

    def pause_request(self, call_ref: str, access: Access) -> RestRequest | None:
        """Return the call that pauses the recording of a call; None where that is not how one is kept out.

        The provider answers 2xx where it paused, and 4xx where the call is over or not being recorded.
        """

    def record_request(self, call_ref: str, status_url: str, access: Access) -> RestRequest | None:
        """Return the call that records from now on what ``Record`` would; None where a document does it.

        Raises FetchFailed, final, for what is no call of the provider's.
        """

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return what the admin must enter at the platform, as JSON for people.

        ``url``, ``events``, ``retries``, under ``delete_at_source`` what that can and cannot do, and under
        ``call_start`` where a platform with a ``call_documents`` is told to ask.
        """


class CallDocuments(Protocol):
    """How a platform asks what to do with a call, and how it is answered. Pure, like the rest."""

    def step(self, delivery: Delivery) -> CallStep:
        """Return what an authentic request for a document says. Raises Invalid, naming the field."""

    def document(self, flow: CallFlow) -> Document:
        """Return the call flow as the platform reads it.

        If the caller presses no key, the call continues after ``Gather``. Vonage instead requests ``answer_url``
        again, and that reply decides. ``Record`` is left out where ``record_request`` begins a recording.
        """


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


class RestClient(Protocol):
    """Calls REST interfaces of providers, over the same guarded network as the fetcher."""

    async def send(self, request: RestRequest) -> RestReply:
        """Return the answer, whatever its status. Raises FetchFailed without URL or credentials in it."""
