"""Tell accounts of changes of their requests: signed, and tried again for about two days."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault import metrics
from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.transaction import Transaction
from vault.domain.requests.callback import (
    BACKOFF,
    MAX_TRIES,
    RequestDelivery,
    body_of,
    call_of,
    headers_of,
)
from vault.errors import FetchFailed, VaultError
from vault.ports.clock import Clock
from vault.ports.telephony import RestClient
from vault.services.requests.callbacks import open_callback
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.job import DueJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
_BATCH_SIZE: Final = 20
#: Deliveries of one account in a batch. It lasts as long as its slowest receiver, so one that hangs must not fill it.
_OF_ACCOUNT: Final = 5
_SUCCESS: Final = range(200, 300)
_OWN_FAILURE: Final = "The vault could not send it. It tries again."


@dataclass(frozen=True, slots=True, kw_only=True)
class SendCallbacks:
    """Send what is due, by the client that reaches no address inside the operator's network."""

    database: Database
    data_keys: AccountDataKeys
    rest: RestClient
    clock: Clock

    def jobs(self) -> Sequence[Job]:
        """Return the work on due callbacks."""
        return [DueJob(work=Work.SEND_CALLBACKS, any_due=self.any_due, step=self, needs_objects=False)]

    async def any_due(self) -> bool:
        """Return whether a delivery is due."""
        return bool(await self.database.read(lambda tx: tx.callbacks.due(tx.now(), limit=1, of_account=1)))

    async def __call__(self) -> bool:
        """Try some deliveries, the longest waiting first; False if none is due."""
        due = await self.database.read(
            lambda tx: tx.callbacks.due(tx.now(), limit=_BATCH_SIZE, of_account=_OF_ACCOUNT)
        )
        # Together, so that an account whose receiver hangs does not hold up the others.
        async with asyncio.TaskGroup() as tries:
            for delivery in due:
                tries.create_task(self._try(delivery))
        return bool(due)

    async def _try(self, delivery: RequestDelivery) -> None:
        tries = delivery.tries + 1
        wait = BACKOFF.after(tries)
        # Noted before: a process that ends here sends it again later, and not without end.
        await self.database.write(
            lambda tx: tx.callbacks.try_again(delivery.id, tx.now() + wait, tries=tries)
        )
        failure = None
        try:
            await self._send(delivery)
        except VaultError as error:
            # What the vault itself cannot do at this time is not for the account to see.
            failure = str(error) if isinstance(error, FetchFailed) else _OWN_FAILURE
            _LOG.warning("callback.failed", account_id=delivery.account_id, reason=type(error).__name__)
        await self._note(delivery, failure, is_last=tries >= MAX_TRIES)

    async def _note(self, delivery: RequestDelivery, failure: str | None, *, is_last: bool) -> None:
        """Note how a try ended; after the last one the delivery is given up."""

        def note(tx: Transaction) -> None:
            if failure is None:
                tx.callbacks.accepted(delivery.account_id, tx.now())
            else:
                tx.callbacks.failed(delivery.account_id, tx.now(), failure)
            if failure is None or is_last:
                tx.callbacks.done(delivery.id)

        await self.database.write(note)
        if failure is None:
            metrics.REQUEST_CALLBACKS.labels("accepted").inc()
        elif is_last:
            _LOG.error("callback.given_up", account_id=delivery.account_id)
            metrics.REQUEST_CALLBACKS.labels("given_up").inc()
        else:
            metrics.REQUEST_CALLBACKS.labels("failed").inc()

    async def _send(self, delivery: RequestDelivery) -> None:
        """Send a delivery, unless the account has no callback any more. Raises FetchFailed."""
        callback = await open_callback(self.database, self.data_keys, delivery.account_id)
        if callback is None:
            return
        body = body_of(delivery)
        headers = headers_of(callback, delivery, body, at=self.clock())
        reply = await self.rest.send(call_of(callback.url, headers, body))
        if reply.status not in _SUCCESS:
            raise FetchFailed(f"The callback answered {reply.status}.")
