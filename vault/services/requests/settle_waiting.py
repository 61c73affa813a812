"""End a request whose erasures waited for holds, once everything that waited is erased: with another receipt.

The first receipt says what waits, and was given to the person. The second says that it is erased, and takes its place;
the access log has the digests of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.stores.requests.requests import RequestRow
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import State
from vault.domain.requests.decision import WAITS
from vault.domain.requests.request import RETENTION, Request, Verdict
from vault.errors import VaultError
from vault.services.requests.make_receipt import MakeReceipt
from vault.services.requests.sealed_requests import SealedRequests
from vault.services.shared.job import HOURLY, IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
_BATCH_SIZE: Final = 50
#: Holds last for months: a request is looked at as often as the sweep erases what they kept.
_WAIT: Final = timedelta(minutes=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleWaiting:
    """Look at closed requests of which something waits for a hold."""

    database: Database
    sealed: SealedRequests
    receipts: MakeReceipt

    def jobs(self) -> Sequence[Job]:
        """Return the work as a job."""
        return [IntervalJob(name="settle_waiting_requests", run=self, every=HOURLY, needs_objects=True)]

    async def __call__(self) -> None:
        """Look at each that is due. One that cannot be read or written stops no other."""
        while rows := await self.database.read(
            lambda tx: tx.requests.perhaps_waiting(tx.now(), limit=_BATCH_SIZE)
        ):
            for row in rows:
                wait = _WAIT
                try:
                    request = await self.sealed.open(row)
                    if not _waiting(request):
                        wait = RETENTION
                    elif await self._settle(request):
                        continue
                except VaultError as error:
                    _LOG.warning(
                        "request.put_off", account_id=row.request.account_id, reason=type(error).__name__
                    )
                await self._look_again(row, wait)

    async def _settle(self, request: Request) -> bool:
        """Make the second receipt if everything is erased; return whether the request has changed."""
        waiting = _waiting(request)
        if request.personal is None or request.personal.ruling is None:
            return False
        if not await self.database.read(lambda tx: _is_erased(tx, request.account_id, waiting)):
            return False
        ruling = request.personal.ruling
        verdicts = {**ruling.verdicts, **dict.fromkeys(waiting, Verdict(code="erased"))}
        done = replace(request.personal, ruling=replace(ruling, verdicts=verdicts))
        return await self.receipts.close_if_done(replace(request, personal=done))

    async def _look_again(self, row: RequestRow, wait: timedelta) -> None:
        def note(tx: Transaction) -> None:
            tx.requests.try_again(row.request.id, tx.now() + wait, tries=row.tries)

        await self.database.write(note)


def _waiting(request: Request) -> frozenset[str]:
    """Return what waits for a hold: ids of recordings, and ``call_ref`` of calls."""
    ruling = None if request.personal is None else request.personal.ruling
    if ruling is None:
        return frozenset()
    names = (*ruling.recordings, *ruling.calls)
    return frozenset(name for name in names if ruling.verdict_on(name).code == WAITS)


def _is_erased(tx: Transaction, account_id: str, names: frozenset[str]) -> bool:
    """Return whether nothing is left of these recordings and calls."""
    for name in names:
        recording = tx.recordings.get(account_id, name)
        if recording is not None:
            if recording.state is not State.ERASED:
                return False
        elif tx.pending_calls.has(account_id, name) or tx.call_facts.of_call(account_id, name):
            return False
    return True
