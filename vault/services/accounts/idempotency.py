"""Idempotency keys: the same request again gets the answer that it got the first time."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from vault.errors import Busy, Invalid
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.stores import ANSWER_LEASES, KeptAnswer
from vault.sealing.keys import NamedKey
from vault.sealing.message import open_message, seal

_CONTEXT = {"purpose": "kept-answer"}
_MAX_KEY_LENGTH = 255
#: How long a request may be answered before its repetition is.
_LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """Keep answers by API key and Idempotency-Key.

    An answer may hold a secret, a link's token or a new key, so it is sealed under a key made from
    the caller's own API key and Idempotency-Key: what lies in the database opens for nobody else.
    While a request is answered it has a turn in the database, so that its repetition is not answered beside
    it by another node; a node that dies in the middle leaves the turn until it runs out. The sweep deletes
    answers after a day; the same request is a new one then.
    """

    database: Database
    clock: Clock
    _running: set[tuple[str, bytes]] = field(default_factory=set)

    async def __call__(
        self,
        *,
        key_id: str,
        bearer: str,
        idempotency_key: str,
        request: bytes,
        answer: Callable[[], Awaitable[tuple[int, bytes]]],
    ) -> tuple[int, bytes]:
        """Return status and body, from before or from ``answer``.

        Raises Invalid when the same key comes with another request, Busy while the first one runs.
        An error of ``answer`` is not kept.
        """
        if not 1 <= len(idempotency_key) <= _MAX_KEY_LENGTH:
            raise Invalid(
                f"An Idempotency-Key has 1 to {_MAX_KEY_LENGTH} characters.", field="Idempotency-Key"
            )
        name = hashlib.sha256(idempotency_key.encode()).digest()
        secret = hmac.digest(bearer.encode(), b"callvault/kept-answer\0" + idempotency_key.encode(), "sha256")
        sealing_key = NamedKey(name="kept-answer", secret=secret)
        fingerprint = hmac.digest(secret, request, "sha256")
        once = _Once(key_id=key_id, name=name, key=sealing_key, fingerprint=fingerprint)
        # Before the database is asked: between its answer and ours the first request could end.
        if (key_id, name) in self._running:
            raise _busy()
        self._running.add((key_id, name))
        try:
            return await self._answer(once, answer)
        finally:
            self._running.discard((key_id, name))

    async def _answer(
        self, once: "_Once", answer: Callable[[], Awaitable[tuple[int, bytes]]]
    ) -> tuple[int, bytes]:
        kept, token = await self.database.read(once.kept), None
        if kept is None:
            kept, token = await self.database.write(once.begin)
        if kept is not None:
            return once.opened(kept)
        if token is None:
            raise _busy()
        new: KeptAnswer | None = None
        try:
            status, body = await answer()
            new = once.sealed(status, body)
        finally:
            end = partial(once.end, token=token, new=new, at=self.clock())
            await asyncio.shield(self.database.write(end))
        return status, body


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Once:
    """One request with its Idempotency-Key."""

    key_id: str
    #: The hash of the Idempotency-Key.
    name: bytes
    #: Seals the answer.
    key: NamedKey
    #: Of the request.
    fingerprint: bytes

    @property
    def turn(self) -> str:
        """Return the name of the turn to answer it."""
        return f"{ANSWER_LEASES}{self.key_id}/{self.name.hex()}"

    def kept(self, tx: Transaction) -> KeptAnswer | None:
        """Return the answer that was kept."""
        return tx.api_keys.answer(self.key_id, self.name)

    def begin(self, tx: Transaction) -> tuple[KeptAnswer | None, str | None]:
        """Return the answer that was kept meanwhile, or the token of the turn to answer; neither while it runs."""
        token = tx.turns.claim(self.turn, lease=_LEASE)
        # Read after the claim: whoever had the turn before kept its answer when it gave the turn back.
        kept = self.kept(tx)
        if kept is not None and token is not None:
            tx.turns.forget(self.turn, token)
        return kept, token

    def end(self, tx: Transaction, *, token: str, new: KeptAnswer | None, at: datetime) -> None:
        """Keep the answer, where there is one, and give the turn back. Raises Busy if another kept one first."""
        if new is not None:
            tx.api_keys.keep_answer(self.key_id, self.name, new, at)
        tx.turns.forget(self.turn, token)

    def sealed(self, status: int, body: bytes) -> KeptAnswer:
        """Return the answer as it is kept."""
        return KeptAnswer(fingerprint=self.fingerprint, status=status, body=seal(self.key, _CONTEXT, body))

    def opened(self, kept: KeptAnswer) -> tuple[int, bytes]:
        """Return status and body of a kept answer. Raises Invalid where it is another request's."""
        if not hmac.compare_digest(kept.fingerprint, self.fingerprint):
            message = "This Idempotency-Key came with another request before."
            raise Invalid(message, field="Idempotency-Key")
        return kept.status, open_message(self.key, kept.body, context=_CONTEXT)


def _busy() -> Busy:
    return Busy("The same request is being answered right now.", retry_after=1)
