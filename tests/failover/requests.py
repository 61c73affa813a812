"""Requests of the rounds: none is repeated, and one without an answer is an answer too."""

import http.client
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.support.crowd import Crowd
from tests.support.raw_client import ask

#: Timeout of a request in seconds. The longest wait that a round provokes is 40 s.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back. The status is 0 where nothing did."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    #: The base URL that was asked.
    door: str

    @property
    def said(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    @property
    def is_recovery(self) -> bool:
        """Say whether a node answered that it serves nothing from this database."""
        return self.status == 503 and b'"recovery"' in self.body


@dataclass(slots=True, kw_only=True)
class Door:
    """One node with an admin's key. ``base`` may be changed while a round runs."""

    base: str
    key: str

    def rest(
        self,
        method: str,
        path: str,
        said: object = None,
        *,
        key: str | None = None,
        patience: float = PATIENCE,
    ) -> Reply:
        """Ask the REST interface, with another key where one is given."""
        body = None if said is None else json.dumps(said).encode()
        headers = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json"}
        return self.send(method, path, body, headers, patience=patience)

    def put_audio(self, path: str, audio: bytes) -> Reply:
        """Upload a recording."""
        return self.send("PUT", path, audio, {"Authorization": f"Bearer {self.key}"})

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        patience: float = PATIENCE,
    ) -> Reply:
        """Send one request on a connection of its own."""
        try:
            answer = ask(self.base, method, path, body, dict(headers or {}), timeout=patience)
        except (OSError, http.client.HTTPException):
            return Reply(status=0, headers={}, body=b"", door=self.base)
        return Reply(status=answer.status, headers=answer.headers, body=answer.body, door=self.base)


#: What a client does at a node.
Deed = Callable[[Door], None]


@dataclass(kw_only=True)
class DoorCrowd(Crowd):
    """Concurrent clients, each at a steady pace, at every node in turn."""

    #: Each request takes the next.
    doors: Sequence[Door]
    _turn: int = 0

    def begin(self, deeds: Iterable[tuple[Deed, float]]) -> None:
        """Start a client for each deed with its pause in seconds."""
        for deed, pause in deeds:
            self.add(deed.__name__, partial(self._once, deed, pause))

    def _once(self, deed: Deed, pause: float) -> float:
        self._turn += 1
        deed(self.doors[self._turn % len(self.doors)])
        return pause
