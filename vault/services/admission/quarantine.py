"""Quarantine: a recording is sealed and cannot be played until an admin releases or refuses it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.ids import new_id
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording, RecordingKeys, State
from vault.errors import Held, NotFound, Refused, Tampered
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.gate import decide_again
from vault.services.lifecycle.evidence_chain import append
from vault.services.lifecycle.guards import forbid_held_recording, may_be_held
from vault.services.lifecycle.lifecycle import WORKER, refuse
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.clock_skew import checked_now
from vault.services.shared.encrypted_fields import OpenedRecording, open_recording
from vault.services.shared.job import EACH_MINUTE, IntervalJob, Job

#: The admin's reason is in the sealed detail of the event, and is deleted when the recording is erased.
_BY_ADMIN = Reason(code="refused_by_admin", text="An admin refused it.")
_EXPIRED = Reason(
    code="quarantine_expired",
    text="It was not released from quarantine in time, and the missing evidence did not arrive.",
    source="consent-policy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Release or refuse recordings in quarantine."""

    database: Database
    ring: KeyRing
    admission: Admission
    call_opener: CallOpener
    clock: Clock
    data_keys: AccountDataKeys

    def jobs(self) -> Sequence[Job]:
        """Return the end of expired quarantines."""
        return [
            IntervalJob(name="expire_quarantine", run=self.expire, every=EACH_MINUTE, needs_objects=False)
        ]

    async def release(self, account_id: str, recording_id: str, *, reason: str, actor: str) -> Decision:
        """Release a recording by an admin's decision: through the same gate, with the reason in its evidence.

        Return the decision; it refuses the recording if more than missing evidence forbids it.

        Raises NotFound, Refused if it is not in quarantine.
        """
        while True:
            opened = await quarantined(self.database, self.ring, account_id, recording_id)
            recording = opened.recording
            known = await self.call_opener.load_call(account_id, recording.call_ref, opened.details().facts)
            release = partial(self._release, opened=opened, known=known, reason=reason, actor=actor)
            decision = await self.database.write(release)
            if decision is not None:
                return decision

    def _release(
        self, tx: Transaction, *, opened: OpenedRecording, known: CallContext, reason: str, actor: str
    ) -> Decision | None:
        recording = opened.recording
        tx.lock_account_and_call(recording.account_id, recording.call_ref)
        now = tx.recordings.get(recording.account_id, recording.id)
        if now != recording or not self.admission.unchanged(tx, recording.account_id, known):
            return None
        append(tx, opened, "release", {"by": actor, "reason": reason}, at=self.clock())
        return decide_again(tx, self.admission, opened, known, actor=actor, released=True)

    async def refuse(self, account_id: str, recording_id: str, *, reason: str, actor: str) -> None:
        """Refuse a recording in quarantine permanently: its keys are deleted when this returns.

        Raises NotFound, Refused if it is not in quarantine, Held while a hold covers it.

        If the object of this closing act is not known to be stored, a repeated call stores it and raises nothing.
        """
        try:
            opened = await quarantined(self.database, self.ring, account_id, recording_id)
        except Refused:
            if await self.database.write(
                lambda tx: tx.closing_acts.recall(account_id, "recording.refused", recording_id)
            ):
                return
            raise

        event_id = new_id("evt")
        detail = await self.data_keys.seal_detail(account_id, event_id, {"reason": reason})
        end = partial(
            _refuse,
            recording=opened.recording,
            ground=_BY_ADMIN,
            actor=actor,
            event_id=event_id,
            detail=detail,
        )
        if not await self.database.write(end):
            raise _not_quarantined()

    async def expire(self) -> None:
        """Refuse recordings whose quarantine has expired, but for those that a hold covers: they wait for its end.

        A hold that cannot be read keeps those of its account.

        Each is refused in its own transaction, so an account's lock is held for one recording at a time.
        """
        for recording in await self.database.read(_expired):
            with suppress(Held, Tampered):
                await self.database.write(
                    partial(_refuse, recording=recording, ground=_EXPIRED, actor=WORKER)
                )


async def quarantined(
    database: Database, ring: KeyRing, account_id: str, recording_id: str
) -> OpenedRecording:
    """Return a recording in quarantine with its unwrapped key. Raises NotFound, Refused."""

    def read(tx: Transaction) -> tuple[Recording | None, RecordingKeys | None]:
        return tx.recordings.get(account_id, recording_id), tx.recordings.keys(recording_id)

    recording, keys = await database.read(read)
    if recording is None:
        raise NotFound("There is no such recording.")
    if recording.state is not State.QUARANTINED or keys is None:
        raise _not_quarantined()
    return await open_recording(ring, recording, keys)


def _expired(tx: Transaction) -> list[Recording]:
    now = checked_now(tx)
    return [one for one in tx.queue.quarantines_over(now) if not may_be_held(tx, one, now)]


def _not_quarantined() -> Refused:
    return Refused("The recording is not in quarantine.", reasons=("not_quarantined",))


def _refuse(
    tx: Transaction,
    *,
    recording: Recording,
    ground: Reason,
    actor: str,
    event_id: str | None = None,
    detail: bytes | None = None,
) -> bool:
    """Refuse a recording if it is still in quarantine, which the call's lock guarantees until the commit.

    Raises Held while a hold covers it.
    """
    tx.lock_account_and_call(recording.account_id, recording.call_ref)
    now = tx.recordings.get(recording.account_id, recording.id)
    if now is None or now.state is not State.QUARANTINED:
        return False
    forbid_held_recording(tx, now)
    refuse(tx, now, (ground,), actor=actor, event_id=event_id, sealed_detail=detail)
    return True
