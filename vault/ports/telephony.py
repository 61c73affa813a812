"""A telephony platform: authentication of webhooks, parsing of events, fetching of media."""

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.call_document import CallFlow, CallStep, Document
from vault.domain.calls.provider_api import Access, Delivery, ListedPage, MediaRequest, RestReply, RestRequest
from vault.errors import FetchFailed, Invalid
from vault.sentence import Sentence

Credentials = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialField:
    """One of the credentials that an admin enters to connect a platform."""

    name: str
    #: What the platform itself calls it.
    label: str
    #: Where it is found, and its form: sentences.
    hint: str
    #: What is allowed; matched as a whole, in linear time.
    pattern: re.Pattern[str]
    is_secret: bool
    is_required: bool = True


class Provider(ABC):
    """One platform. All methods are pure functions: no I/O, no clock.

    A method with a default is for an ability that some platforms lack; the default means that this one lacks it.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name in URLs and connections, such as ``twilio``."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Return the name for people, such as ``Twilio``."""

    @property
    @abstractmethod
    def credential_fields(self) -> Sequence[CredentialField]:
        """Return the credentials that it takes, in the order of a form."""

    def check_credentials(self, credentials: Credentials) -> None:
        """Validate credentials. Raises Invalid, naming the field, unless they are complete and well formed.

        An override adds what no pattern says, such as two credentials that belong together.
        """
        fields = self.credential_fields
        if set(credentials) - {field.name for field in fields}:
            known = [field.name if field.is_required else f"{field.name} (optional)" for field in fields]
            text = Sentence("credentials must contain only %(names)s.", names=", ".join(known))
            raise Invalid(text, field="credentials")
        missing = [field.name for field in fields if field.is_required and not credentials.get(field.name)]
        if missing:
            text = Sentence("credentials must contain %(names)s.", names=", ".join(missing))
            raise Invalid(text, field=missing[0])
        for field in fields:
            value = credentials.get(field.name)
            if value is not None and field.pattern.fullmatch(value) is None:
                text = Sentence("%(name)s is malformed. %(why)s", name=field.name, why=field.hint)
                raise Invalid(text, field=field.name)

    @abstractmethod
    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Authenticate a delivery. Raises NotAuthentic unless one of ``credentials`` (current, previous) matches.

        No input of a caller raises anything else. An empty list takes as long as a wrong secret.
        """

    @abstractmethod
    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Parse an authenticated delivery; return None for irrelevant events.

        Raises Invalid, naming the field, for an invalid body.
        """

    @abstractmethod
    def event_name(self, delivery: Delivery) -> str | None:
        """Return the platform's own name of an authenticated delivery's event; None if it has none.

        Raises Invalid for a body that cannot be parsed. It is shown to the admin: never a number, an id or a text.
        """

    @abstractmethod
    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Return the request for the announced media, with credentials only for the provider's own hosts."""

    @property
    def resends_refused(self) -> bool:
        """Return whether the platform sends a webhook again that got 429 or 503. Default: False, or not known.

        Only then is one refused because of a limit of its account.
        """
        return False

    @property
    def is_own_software(self) -> bool:
        """Return whether the customer's own software sends the webhooks. Default: False, a provider does.

        Then a recording's name is unique in its call only, where a provider's is unique in the account, and a URL that
        can never be fetched is refused, where a provider would not read the answer.
        """
        return False

    @property
    def event_types(self) -> Sequence[str]:
        """Return the types of events that it understands, to be named to the sender of another. Default: none."""
        return ()

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:  # noqa: ARG002 - the default
        """Return the request for the media's current URL. Default: None, URLs do not expire."""
        return None

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:  # noqa: ARG002 - the default
        """Return the announcement with the new URL. Default: the announcement unchanged.

        Raises FetchFailed: final if the provider no longer has the recording, otherwise to be retried.
        """
        return announcement

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:  # noqa: ARG002 - the default
        """Return the request that deletes the provider's copy. Default: None, it cannot be deleted."""
        return None

    @property
    def deletes_by_default(self) -> bool:
        """Return whether a new connection deletes the provider's copy once the vault has its own. Default: False."""
        return False

    @property
    def delete_again_after(self) -> timedelta | None:
        """Return after which delay to repeat a deletion. Default: None, success means that the copy is deleted.

        Some APIs report success before the recording exists.
        """
        return None

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:  # noqa: ARG002 - the default
        """Return the request that lists recordings since then. Default: None, the API has no list."""
        return None

    def listed(self, reply: RestReply) -> ListedPage:  # noqa: ARG002 - the default
        """Parse a page of the list. Raises FetchFailed for a response that is not a list. Default: an empty page."""
        return ListedPage()

    @property
    def call_documents(self) -> "CallDocuments | None":
        """Return the adapter for call documents. Default: None, the platform requests none."""
        return None

    @property
    def unheard_keys(self) -> frozenset[str]:
        """Return the telephone keys that the platform does not report. Default: none."""
        return frozenset()

    def pause_request(self, call_ref: str, access: Access) -> RestRequest | None:  # noqa: ARG002 - the default
        """Return the request that pauses a call's recording. Default: None, the provider is not asked to pause.

        ``pause_state`` reads the response. The request is for the recording that runs now, and asks for silence in the
        place of the audio where the platform has that choice, so that times stay true.
        """
        return None

    def resume_request(self, call_ref: str, access: Access) -> RestRequest | None:  # noqa: ARG002 - the default
        """Return the request that lets a paused recording go on. Default: None, as for ``pause_request``."""
        return None

    def pause_state(self, reply: RestReply, *, paused: bool) -> bool:  # noqa: ARG002 - the default
        """Return whether a response to one of the two says that the recording is ``paused``, or goes on if not.

        Default: the status of HTTP. A platform that says the state of the recording is believed by that, since it may
        answer 200 and change nothing.
        """
        return reply.status // 100 == 2  # noqa: PLR2004 - the class of success

    def record_request(self, call_ref: str, status_url: str, access: Access) -> RestRequest | None:  # noqa: ARG002 - the default
        """Return the request that starts recording like ``Record``. Default: None, a document or the platform does it.

        Raises a final FetchFailed if ``call_ref`` is not a call id of the provider.
        """
        return None

    @abstractmethod
    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return the settings that the admin must enter at the platform, as JSON for people.

        ``url``, ``events``, ``retries``; ``delete_at_source`` with its possibilities and limits; for a platform
        with ``call_documents``, ``call_start`` with the setting that makes it request them.
        """


class CallDocuments(Protocol):
    """Parses a platform's requests for call documents and renders them. Pure functions."""

    def step(self, delivery: Delivery) -> CallStep:
        """Parse an authenticated request for a document. Raises Invalid, naming the field."""

    def document(self, flow: CallFlow) -> Document:
        """Render the call flow in the platform's format.

        If no key is pressed, the call continues after ``Gather``. Vonage instead requests ``answer_url`` again, and
        continues with that response. ``Record`` is left out where ``record_request`` starts a recording.
        """


class MediaTooSlow(FetchFailed):
    """A body fell below the least rate. It is never final: a retry may reach a faster server."""


class Fetched(Protocol):
    """A response with accepted status and headers."""

    @property
    def length(self) -> int | None:
        """Return the declared length in bytes, or None."""

    def blocks(self) -> AsyncIterator[bytes]:
        """Yield the body in blocks. Raises FetchFailed if a limit is exceeded or it ends early, MediaTooSlow."""


class Fetcher(Protocol):
    """Fetches media, only from permitted hosts."""

    def check(self, request: MediaRequest) -> None:
        """Raise FetchFailed, without the URL in its message, for a request that ``fetch`` never sends."""

    def fetch(self, request: MediaRequest) -> AbstractAsyncContextManager[Fetched]:
        """Open the URL, and follow a few redirects, each checked as the URL, without credentials to another host.

        Raises FetchFailed: ``final`` for a forbidden host, a private address, 410.

        401, 403 and 404 are not final: platforms announce media before all their servers have it. Read ``blocks`` at
        most once, and close it with ``aclosing`` before the context ends.
        """


class RestClient(Protocol):
    """Calls REST APIs of providers, with the same network restrictions as the fetcher."""

    def check(self, request: RestRequest) -> None:
        """Raise FetchFailed, without the URL in its message, for a request that ``send`` never sends."""

    async def send(self, request: RestRequest) -> RestReply:
        """Return the response with any status. Raises FetchFailed; its message has no URL and no credentials."""
