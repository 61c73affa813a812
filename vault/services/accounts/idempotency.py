"""Idempotency keys: a retry of a request gets the first request's response."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from vault.database.interface import Database
from vault.database.stores.accounts.stored_answers import ANSWER_LEASES, StoredAnswer
from vault.database.transaction import Transaction
from vault.domain.accounts.account import AnswerSubject
from vault.domain.recordings.recording import GONE
from vault.errors import Busy, Invalid
from vault.ports.clock import Clock
from vault.sealing.keys import NamedKey
from vault.sealing.message import open_message, seal

_CONTEXT = {"purpose": "kept-answer"}
_MAX_KEY_LENGTH = 255
#: Max time for the response to a request; after it a retry may run.
_LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """Store responses by API key and Idempotency-Key.

    A response may contain a secret, such as a link's token or a new API key, so it is sealed under a key derived
    from the client's API key and Idempotency-Key; nobody else can open the stored response. A request in progress
    holds a database lease, so another node cannot process a retry concurrently; after a node's crash the lease
    expires. The sweep deletes responses after a day, and an erasure those that show what is erased; then a retry counts
    as a new request.
    """

    database: Database
    clock: Clock
    _running: set[tuple[str, bytes]] = field(default_factory=set)

    async def run(
        self,
        *,
        key_id: str,
        bearer: str,
        idempotency_key: str,
        request: bytes,
        answer: Callable[[], Awaitable[tuple[int, bytes]]],
        subject: AnswerSubject | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body, stored ones or those of ``answer``.

        ``subject``: what the response shows; it is erased together with it.

        Raises Invalid if the key was used with another request, Busy while the first request is in progress.
        An error of ``answer`` is raised and not stored.
        """
        if not 1 <= len(idempotency_key) <= _MAX_KEY_LENGTH:
            raise Invalid(
                f"Idempotency-Key must have 1 to {_MAX_KEY_LENGTH} characters.", field="Idempotency-Key"
            )
        name = hashlib.sha256(idempotency_key.encode()).digest()
        secret = hmac.digest(bearer.encode(), b"callvault/kept-answer\0" + idempotency_key.encode(), "sha256")
        sealing_key = NamedKey(name="kept-answer", secret=secret)
        fingerprint = hmac.digest(secret, request, "sha256")
        current = _IdempotentRequest(
            key_id=key_id, name=name, key=sealing_key, fingerprint=fingerprint, subject=subject
        )
        # Check this before the database read, after which the first request could end unnoticed.
        if (key_id, name) in self._running:
            raise _busy()
        self._running.add((key_id, name))
        try:
            return await self._answer(current, answer)
        finally:
            self._running.discard((key_id, name))

    async def _answer(
        self, current: "_IdempotentRequest", answer: Callable[[], Awaitable[tuple[int, bytes]]]
    ) -> tuple[int, bytes]:
        stored, token = await self.database.read(current.stored), None
        if stored is None:
            stored, token = await self.database.write(current.begin)
        if stored is not None:
            return current.opened(stored)
        if token is None:
            raise _busy()
        new: StoredAnswer | None = None
        try:
            status, body = await answer()
            new = current.sealed(status, body)
        finally:
            end = partial(current.end, token=token, new=new, at=self.clock())
            await asyncio.shield(self.database.write(end))
        return status, body


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _IdempotentRequest:
    """One request with its Idempotency-Key."""

    key_id: str
    #: The hash of the Idempotency-Key.
    name: bytes
    #: Seals the response.
    key: NamedKey
    #: The keyed hash of the request.
    fingerprint: bytes
    subject: AnswerSubject | None

    @property
    def lease(self) -> str:
        """Return the name of the lease of the request in progress."""
        return f"{ANSWER_LEASES}{self.key_id}/{self.name.hex()}"

    def stored(self, tx: Transaction) -> StoredAnswer | None:
        """Return the stored response, if there is one."""
        return tx.stored_answers.get(self.key_id, self.name)

    def begin(self, tx: Transaction) -> tuple[StoredAnswer | None, str | None]:
        """Return the response stored meanwhile, or the token of a new lease; neither while the request is running."""
        token = tx.singleton_leases.claim(self.lease, lease=_LEASE)
        # Read after the claim: the previous holder stored its response when it released the lease.
        stored = self.stored(tx)
        if stored is not None and token is not None:
            tx.singleton_leases.forget(self.lease, token)
        return stored, token

    def end(self, tx: Transaction, *, token: str, new: StoredAnswer | None, at: datetime) -> None:
        """Store the response, if any, and release the lease. Raises Busy if another request stored one first.

        It is not stored if what it shows was erased meanwhile.
        """
        subject, is_gone = _with_call(tx, self.subject)
        if new is not None and not is_gone:
            tx.stored_answers.keep(self.key_id, self.name, new, at, subject)
        tx.singleton_leases.forget(self.lease, token)

    def sealed(self, status: int, body: bytes) -> StoredAnswer:
        """Return the response with a sealed body."""
        return StoredAnswer(fingerprint=self.fingerprint, status=status, body=seal(self.key, _CONTEXT, body))

    def opened(self, stored: StoredAnswer) -> tuple[int, bytes]:
        """Return status and body of a stored response. Raises Invalid if it belongs to another request."""
        if not hmac.compare_digest(stored.fingerprint, self.fingerprint):
            message = "Idempotency-Key was already used with another request; use a new one."
            raise Invalid(message, field="Idempotency-Key")
        return stored.status, open_message(self.key, stored.body, context=_CONTEXT)


def _with_call(tx: Transaction, subject: AnswerSubject | None) -> tuple[AnswerSubject | None, bool]:
    """Return the subject with its recording's call, and whether it is erased. Locks the call, as an erasure."""
    if subject is None or subject.recording_id is None:
        return subject, False
    found = tx.recordings.get(subject.account_id, subject.recording_id)
    if found is None:
        return subject, False
    tx.lock_account_and_call(subject.account_id, found.call_ref)
    found = tx.recordings.get(subject.account_id, subject.recording_id)
    is_gone = found is None or found.state in GONE
    return replace(subject, call_ref=None if found is None else found.call_ref), is_gone


def _busy() -> Busy:
    return Busy("The same request is being answered right now.", retry_after=1)
