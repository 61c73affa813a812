"""What every simulated provider does: make up credentials, tell of a call, and answer as REST and media host.

It is written from the providers' documentation and knows nothing of the vault's adapters, so that the two
check each other.
"""

import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlencode

from vault.domain.calls.call import Direction
from vault.simulator.call import Copy, SimulatedCall
from vault.simulator.exchange import Asked, Reply, Webhook

FORM = "application/x-www-form-urlencoded; charset=UTF-8"


class SimulatedProvider(ABC):
    """One provider, with one customer: the vault that it is played against."""

    name: ClassVar[str]
    #: Whether it has a list of recordings, so that a missed one can be found.
    lists: ClassVar[bool] = True
    #: Whether it says who called whom.
    directed: ClassVar[bool] = True
    #: Whether its media URLs expire, and the REST interface gives fresh ones.
    renews: ClassVar[bool] = False
    #: How many recordings are on a page of its list, at most.
    page: ClassVar[int] = 50

    def __init__(self, base: str) -> None:
        """Take the URL of its own root, where REST interface and media are."""
        self.base = base
        self.copies: list[Copy] = []

    @property
    @abstractmethod
    def credentials(self) -> Mapping[str, str]:
        """Return what the vault's connection needs to know, made up anew for each simulation."""

    @abstractmethod
    def new_call_ref(self) -> str:
        """Return a new id for a call."""

    @abstractmethod
    def new_recording_ref(self, call: SimulatedCall) -> str:
        """Return a new id for a recording."""

    @abstractmethod
    def call_events(self, call: SimulatedCall, url: str) -> Sequence[Webhook]:
        """Return the signed events of a call, from its beginning to its end, for the webhook at ``url``."""

    @abstractmethod
    def recording_event(self, copy: Copy, url: str) -> Webhook:
        """Return the signed event that says that the recording is ready."""

    @abstractmethod
    def answer(self, asked: Asked) -> Reply:
        """Answer a request as the provider does, wrong credentials included."""

    def agent(self, direction: Direction) -> str | None:  # noqa: ARG002 - some tell in one direction alone
        """Return who of the account was on the phone, where the provider tells it."""
        return None

    def starts(self, call: SimulatedCall) -> Sequence[datetime]:
        """Return when the call may be said to have begun, by what the provider tells of it."""
        return (call.started_at,)

    def keep(self, call: SimulatedCall, audio: bytes, *, expired: bool = False) -> Copy:
        """Record a call: from now on the copy is listed and can be fetched."""
        copy = Copy(ref=self.new_recording_ref(call), call=call, audio=audio, expired=expired)
        self.copies.append(copy)
        return copy

    def forged(self, webhook: Webhook) -> Webhook:
        """Return the webhook with a body that nobody signed."""
        more = b" " if webhook.headers["Content-Type"].startswith("application/json") else b"&Forged=1"
        return replace(webhook, body=webhook.body + more)

    def find(self, ref: str) -> Copy | None:
        """Return the copy of that name, unless it was deleted."""
        return next((copy for copy in self.copies if copy.ref == ref and not copy.deleted), None)

    def present(self) -> Sequence[Copy]:
        """Return the copies that were not deleted, newest call first as lists have them."""
        there = [copy for copy in self.copies if not copy.deleted]
        return sorted(there, key=lambda copy: copy.call.ended_at, reverse=True)


def hand_out(copy: Copy, content_type: str) -> Reply | None:
    """Return the audio; None, once, if the announced URL is dead.

    The bytes are those of the sample whatever the type says: the vault must look, and not believe.
    """
    if copy.expired:
        copy.expired = False
        return None
    copy.fetched += 1
    return Reply(status=200, body=copy.audio, content_type=content_type)


def same(given: tuple[str, str] | None, user: str, password: str) -> bool:
    """Say whether these are the credentials."""
    return given is not None and hmac.compare_digest("\0".join(given), f"{user}\0{password}")


def form_body(fields: Mapping[str, str]) -> bytes:
    """Return a form as providers send it."""
    return urlencode(fields).encode()


def json_body(said: object) -> bytes:
    """Return JSON as providers send it: without spaces."""
    return json.dumps(said, separators=(",", ":")).encode()
