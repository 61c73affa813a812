"""Uploads that no client sends any more: refused, or given up after an hour, so that none waits for ever."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from vault.domain.reason import Reason
from vault.domain.recordings.recording import LEASE, UPLOAD_IDLE_TIMEOUT, Lease, State
from vault.errors import LeaseLost, VaultError
from vault.ports.database import Database, Transaction
from vault.services.admission.case import Admission, CallContext
from vault.services.ingest.terminal_states import fail, refuse
from vault.structured_log import Log

_LOG = Log(__name__)
#: Until the next attempt at an upload whose call could not be read, as with an account's key out of reach.
_PUT_OFF = timedelta(minutes=5)
_ABANDONED = Reason(
    code="upload_abandoned", text="Its client began to send it and did not come back. It may be sent again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleIdleUploads:
    """Settle uploads whose client died, or gave up.

    What may not be recorded is refused as soon as nobody holds its lease: its client may have been told so
    while a dead process held it. Anything else waits for its client for as long as IDLE_UPLOAD and fails then;
    who comes later begins again.
    """

    database: Database
    admission: Admission

    async def __call__(self) -> None:
        """Settle all that are due. Raises Unavailable."""
        while (claimed := await self._claim()) is not None:
            held, waited_in = claimed
            try:
                await self._settle(held, waited_in)
            except LeaseLost:
                continue
            except VaultError as error:
                _LOG.warning("upload.not_settled", recording_id=held.recording.id, reason=str(error))
                await self.database.write(partial(_put_off, held=held))

    async def _claim(self) -> tuple[Lease, State] | None:
        # Most looks find nothing, so they cost no write.
        if not await self.database.read(lambda tx: tx.queue.any_idle_upload()):
            return None
        return await self.database.write(lambda tx: tx.queue.claim_idle_upload(lease=LEASE))

    async def _settle(self, held: Lease, waited_in: State) -> None:
        recording, settled = held.recording, False
        while not settled:
            call = await self.admission.load_call(recording.account_id, recording.call_ref)
            decide = partial(self._decide, held=held, waited_in=waited_in, call=call)
            settled = await self.database.write(decide)

    def _decide(self, tx: Transaction, *, held: Lease, waited_in: State, call: CallContext) -> bool:
        """Move the row; False where more was said of the call than is known."""
        recording = held.recording
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
            refuse(tx, held, decision)
        elif waited_in is State.TRANSFERRING:
            # The process that served its client died: the client may be on its way to another.
            tx.queue.move(held, State.RETRY_WAIT, not_before=tx.now() + UPLOAD_IDLE_TIMEOUT)
        else:
            fail(tx, held, _ABANDONED)
        return True


def _put_off(tx: Transaction, *, held: Lease) -> None:
    tx.queue.put_back(held, not_before=tx.now() + _PUT_OFF, counts=False)
