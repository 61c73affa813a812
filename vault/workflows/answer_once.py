"""Idempotency keys: the same request again gets the answer that it got the first time."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from vault.errors import Busy, Invalid
from vault.ports.clock import Clock
from vault.ports.database import Database
from vault.ports.stores import KeptAnswer
from vault.sealing.keys import NamedKey
from vault.sealing.message import open_message, seal

_CONTEXT = {"purpose": "kept-answer"}
_LONGEST = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOnce:
    """Keep answers by API key and Idempotency-Key.

    An answer may hold a secret, a link's token or a new key, so it is sealed under a key made from
    the caller's own API key and Idempotency-Key: what lies in the database opens for nobody else.
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
        if not 1 <= len(idempotency_key) <= _LONGEST:
            raise Invalid(f"An Idempotency-Key has 1 to {_LONGEST} characters.", field="Idempotency-Key")
        name = hashlib.sha256(idempotency_key.encode()).digest()
        secret = hmac.digest(bearer.encode(), b"callvault/kept-answer\0" + idempotency_key.encode(), "sha256")
        sealing_key = NamedKey(name="kept-answer", secret=secret)
        fingerprint = hmac.digest(secret, request, "sha256")
        # Before the database is asked: between its answer and ours the first request could end.
        if (key_id, name) in self._running:
            raise Busy("The same request is being answered right now.", retry_after=1)
        self._running.add((key_id, name))
        try:
            kept = await self.database.read(lambda tx: tx.api_keys.answer(key_id, name))
            if kept is not None:
                if not hmac.compare_digest(kept.fingerprint, fingerprint):
                    message = "This Idempotency-Key came with another request before."
                    raise Invalid(message, field="Idempotency-Key")
                return kept.status, open_message(sealing_key, kept.body, context=_CONTEXT)
            status, body = await answer()
            new = KeptAnswer(fingerprint=fingerprint, status=status, body=seal(sealing_key, _CONTEXT, body))
            await asyncio.shield(
                self.database.write(lambda tx: tx.api_keys.keep_answer(key_id, name, new, self.clock()))
            )
        finally:
            self._running.discard((key_id, name))
        return status, body
