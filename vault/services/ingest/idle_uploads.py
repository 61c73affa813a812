"""Settle uploads that their client abandoned: refuse them, or let them fail after an hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.reason import Reason
from vault.domain.recordings.recording import LEASE, UPLOAD_IDLE_TIMEOUT, Lease, State
from vault.errors import LeaseLost, VaultError
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_opener import CallOpener
from vault.services.lifecycle.lifecycle import fail, refuse, retry
from vault.services.shared.job import EACH_MINUTE, IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
#: Retry interval for an upload whose call cannot be read, for example because the account's key is unavailable.
_RETRY_INTERVAL = timedelta(minutes=5)
_ABANDONED = Reason(
    code="upload_abandoned", text="The client began the upload and did not finish it. It may be sent again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleIdleUploads:
    """Settle uploads whose client crashed or gave up.

    A recording that may not be stored is refused as soon as nobody holds its lease: the client may already have
    got that response while a dead process held the lease. Any other upload waits UPLOAD_IDLE_TIMEOUT for its
    client and then fails; a later upload starts over.
    """

    database: Database
    admission: Admission
    call_opener: CallOpener

    def jobs(self) -> Sequence[Job]:
        """Return the search for abandoned uploads."""
        return [IntervalJob(name="settle_idle_uploads", run=self, every=EACH_MINUTE, needs_objects=False)]

    async def __call__(self) -> None:
        """Settle all due uploads. Raises Unavailable."""
        while (claimed := await self._claim()) is not None:
            lease, waited_in = claimed
            try:
                await self._settle(lease, waited_in)
            except LeaseLost:
                continue
            except VaultError as error:
                _LOG.warning("upload.not_settled", recording_id=lease.recording.id, reason=str(error))
                await self.database.write(partial(_retry_later, lease=lease))

    async def _claim(self) -> tuple[Lease, State] | None:
        # Most polls find nothing, so a read comes before the write.
        if not await self.database.read(lambda tx: tx.queue.any_idle_upload()):
            return None
        return await self.database.write(lambda tx: tx.queue.claim_idle_upload(lease=LEASE))

    async def _settle(self, lease: Lease, waited_in: State) -> None:
        recording, settled = lease.recording, False
        while not settled:
            call = await self.call_opener.load_call(recording.account_id, recording.call_ref)
            decide = partial(self._decide, lease=lease, waited_in=waited_in, call=call)
            settled = await self.database.write(decide)

    def _decide(self, tx: Transaction, *, lease: Lease, waited_in: State, call: CallContext) -> bool:
        """Move the row; return False if facts of the call were added after ``call`` was read."""
        recording = lease.recording
        tx.lock_account(recording.account_id)
        if not self.admission.unchanged(tx, recording.account_id, call):
            return False
        decision = self.admission.decide(
            tx,
            recording.account_id,
            call,
            received_at=recording.received_at,
            epoch_at_receipt=recording.epoch,
        )
        if not decision.record:
            refuse(tx, lease, decision.grounds)
        elif waited_in is State.TRANSFERRING:
            # The process that served the client died: the client may retry at another one.
            retry(tx, lease, after=UPLOAD_IDLE_TIMEOUT)
        else:
            fail(tx, lease, _ABANDONED)
        return True


def _retry_later(tx: Transaction, *, lease: Lease) -> None:
    tx.queue.put_back(lease, not_before=tx.now() + _RETRY_INTERVAL, counts=False)
