"""The base class of simulated providers: credentials, webhooks of a call, REST API and media host.

The simulated providers follow the providers' documentation and share no code with the vault's adapters, so that the
two check each other.
"""

import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Literal
from urllib.parse import urlencode

from vault.domain.calls.call import Direction
from vault.simulator.call import Copy, SimulatedCall
from vault.simulator.exchange import Reply, VaultRequest, Webhook
from vault.simulator.instructions import Instruction

FORM = "application/x-www-form-urlencoded; charset=UTF-8"
#: The reason of a request for a document: the call starts, the wait for a key has ended, or a document redirects.
Asking = Literal["start", "key", "next"]


class SimulatedProvider(ABC):
    """One provider with one customer, the tested vault."""

    name: ClassVar[str]
    #: Whether it has a list of recordings, in which a missed one can be found.
    lists: ClassVar[bool] = True
    #: Whether its REST API deletes recordings.
    deletes: ClassVar[bool] = True
    #: Whether its events contain the call's direction.
    directed: ClassVar[bool] = True
    #: Whether its media URLs expire, and the REST API returns new ones.
    renews: ClassVar[bool] = False
    #: Maximum recordings on a page of its list.
    page: ClassVar[int] = 50

    def __init__(self, base: str) -> None:
        """Take the base URL of the REST API and the media."""
        self.base = base
        self.copies: list[Copy] = []
        #: The names of calls whose recording is paused.
        self.paused: set[str] = set()
        #: Whether a command to pause is obeyed; else it is answered with the state that stays.
        self.obeys = True

    @property
    @abstractmethod
    def credentials(self) -> Mapping[str, str]:
        """Return the credentials for the vault's connection, generated for each simulation."""

    @abstractmethod
    def new_call_ref(self) -> str:
        """Generate an id for a call."""

    @abstractmethod
    def new_recording_ref(self, call: SimulatedCall) -> str:
        """Generate an id for a recording."""

    @abstractmethod
    def call_events(self, call: SimulatedCall, url: str) -> Sequence[Webhook]:
        """Return the signed events of a call, from start to end, for the webhook at ``url``."""

    @abstractmethod
    def recording_event(self, copy: Copy, url: str) -> Webhook:
        """Return the signed event that announces the recording."""

    @abstractmethod
    def answer(self, asked: VaultRequest) -> Reply:
        """Answer a request like the provider, also for wrong credentials."""

    def agent(self, direction: Direction) -> str | None:  # noqa: ARG002 - some send it in one direction only
        """Return the agent's name, if the provider sends it."""
        return None

    def starts(self, call: SimulatedCall) -> Sequence[datetime]:
        """Return the start times that the provider's events allow for the call."""
        return (call.started_at,)

    def keep(self, call: SimulatedCall, audio: bytes, *, expired: bool = False) -> Copy:
        """Store a call's recording, which is then listed and can be fetched."""
        copy = Copy(ref=self.new_recording_ref(call), call=call, audio=audio, expired=expired)
        self.copies.append(copy)
        return copy

    def forged(self, webhook: Webhook) -> Webhook:
        """Return the webhook with a changed body, so that its signature is invalid."""
        more = b" " if webhook.headers["Content-Type"].startswith("application/json") else b"&Forged=1"
        return replace(webhook, body=webhook.body + more)

    def change_pause(self, call_ref: str, *, paused: bool) -> bool:
        """Pause the recording of a call or let it go on, if it obeys; return whether it is paused now."""
        if self.obeys and paused:
            self.paused.add(call_ref)
        elif self.obeys:
            self.paused.discard(call_ref)
        return call_ref in self.paused

    def find(self, ref: str) -> Copy | None:
        """Return the recording with that id, unless it was deleted."""
        return next((copy for copy in self.copies if copy.ref == ref and not copy.deleted), None)

    def present(self) -> Sequence[Copy]:
        """Return the recordings that were not deleted, newest call first, as in the providers' lists."""
        remaining = [copy for copy in self.copies if not copy.deleted]
        return sorted(remaining, key=lambda copy: copy.call.ended_at, reverse=True)


def hand_out(copy: Copy, content_type: str) -> Reply | None:
    """Serve the audio; return None once if the announced URL is dead.

    The bytes are always those of the sample, whatever the content type: the vault must not trust it.
    """
    if copy.expired:
        copy.expired = False
        return None
    copy.fetched += 1
    return Reply(status=200, body=copy.audio, content_type=content_type)


def same(given: tuple[str, str] | None, user: str, password: str) -> bool:
    """Compare the given credentials with the expected ones."""
    return given is not None and hmac.compare_digest("\0".join(given), f"{user}\0{password}")


def form_body(fields: Mapping[str, str]) -> bytes:
    """Encode a form."""
    return urlencode(fields).encode()


def json_body(value: object) -> bytes:
    """Encode JSON without spaces, as providers do."""
    return json.dumps(value, separators=(",", ":")).encode()


class SteeredProvider(SimulatedProvider):
    """A provider whose calls are controlled by documents."""

    @abstractmethod
    def asks(
        self, call: SimulatedCall, url: str, asking: Asking, *, key: str | None = None, payload: object = None
    ) -> Webhook:
        """Return the signed request for the document at ``url``, with the pressed key, if any."""

    @abstractmethod
    def read(self, document: bytes, call: SimulatedCall) -> Sequence[Instruction]:
        """Parse a document to instructions. Raises Invalid."""

    @abstractmethod
    def around(self, call: SimulatedCall, url: str) -> tuple[Sequence[Webhook], Sequence[Webhook]]:
        """Return the signed events before the first request for a document, and those after the last."""

    def begins(self, call: SimulatedCall) -> None:
        """Make the call known to the REST API."""

    def begun(self, call: SimulatedCall) -> str | None:  # noqa: ARG002 - most providers start recordings by documents
        """Return the callback URL of a recording that the REST API started, or None."""
        return None
