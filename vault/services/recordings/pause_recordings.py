"""Pause the recording of a call that goes on, by the provider's own command, and let it go on again.

The provider is asked at once, since somebody is about to say a card number. What it did not answer in time is asked
again by the worker, which also ends a pause that nobody ended: a forgotten one loses evidence. Every answer is kept,
and is the provider's own status of the recording, not that of HTTP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.domain.recordings.pause import (
    MAX_PAUSE,
    MAX_PAUSES,
    PauseReason,
    RecordingPause,
    open_one,
)
from vault.errors import FetchFailed, NotFound, Refused
from vault.ports.clock import Clock
from vault.ports.telephony import Provider, RestClient
from vault.sentence import Sentence
from vault.services.shared.connection_cache import ConnectionCache
from vault.services.shared.job import ClaimJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
#: Longer than a request to a provider takes, so that nobody else asks it meanwhile.
_LEASE: Final = timedelta(seconds=30)
#: Between two requests of the worker for one pause, and how many there are.
_RETRY: Final = timedelta(seconds=3)
_MAX_ATTEMPTS: Final = 5
_WORKER: Final = "worker"
#: Of a request to pause, or to go on: it worked, it did not, or nobody can be asked.
_Outcome = Literal["done", "not_done", "impossible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRecordings:
    """Pause the recordings of calls, and let them go on."""

    database: Database
    rest: RestClient
    providers: Mapping[str, Provider]
    connection_cache: ConnectionCache
    clock: Clock

    def jobs(self) -> Sequence[Job]:
        """Return what ends pauses, and repeats requests that nobody answered."""
        return [ClaimJob(work=Work.RECORDING_PAUSES, step=self.step, needs_objects=False)]

    async def pause(
        self, account_id: str, call_ref: str, *, reason: PauseReason, actor: str
    ) -> RecordingPause:
        """Pause the recording of a call. If it is paused already, return that pause.

        ``answer`` of the result says what the provider answered; None if it did not answer yet: it is asked again.
        Raises NotFound for a call of which nothing was reported, Refused for more than MAX_PAUSES.
        """

        def begin(tx: Transaction) -> tuple[RecordingPause, bool]:
            tx.lock_account_and_call(account_id, call_ref)
            if not tx.recording_pauses.is_known(account_id, call_ref):
                raise NotFound("There is no such call. Report it first.")
            before = tx.recording_pauses.of_call(account_id, call_ref)
            if (paused := open_one(before)) is not None:
                return paused, False
            if len(before) >= MAX_PAUSES:
                text = Sentence(
                    "The recording was paused %(most)s times already, which is the most.", most=MAX_PAUSES
                )
                raise Refused(text, reasons=("too_many_pauses",))
            now = tx.now()
            pause = RecordingPause(
                id=new_id("pse"), account_id=account_id, call_ref=call_ref, reason=reason, asked_at=now,
                asked_by=actor, connection_id=tx.recording_pauses.connection_of(account_id, call_ref),
                expires_at=now + MAX_PAUSE,
            )  # fmt: skip
            tx.recording_pauses.add(pause, again_in=_LEASE)
            return pause, True

        pause, is_new = await self.database.write(begin)
        return await self._ask(pause) if is_new else pause

    async def end(self, account_id: str, call_ref: str, pause_id: str, *, actor: str) -> RecordingPause:
        """Let the recording of a call go on. A pause that has ended stays as it is. Raises NotFound."""

        def end(tx: Transaction) -> tuple[RecordingPause, bool]:
            tx.lock_account_and_call(account_id, call_ref)
            pause = _get(tx, account_id, call_ref, pause_id)
            ended = tx.recording_pauses.end(pause, by=actor, cause="asked", again_in=_LEASE)
            return ended or _get(tx, account_id, call_ref, pause_id), ended is not None

        pause, is_new = await self.database.write(end)
        return await self._ask(pause) if is_new else pause

    async def of_call(self, account_id: str, call_ref: str) -> Sequence[RecordingPause]:
        """Return the pauses of a call, MAX_PAUSES at most, oldest first; none for an unknown call."""
        return await self.database.read(lambda tx: tx.recording_pauses.of_call(account_id, call_ref))

    async def step(self) -> bool:
        """End one pause that is due, or repeat its request; return False if none is due."""

        def claim(tx: Transaction) -> tuple[bool, RecordingPause | None]:
            pause = tx.recording_pauses.claim(lease=_LEASE)
            if pause is None or pause.ended_at is not None:
                return pause is not None, pause
            left = pause.expires_at - tx.now()
            if left <= timedelta():
                return True, tx.recording_pauses.end(pause, by=_WORKER, cause="expired", again_in=_LEASE)
            if pause.answer is not None:
                tx.recording_pauses.change(pause, again_in=left)
                return True, None
            return True, pause

        was_due, pause = await self.database.write(claim)
        if pause is not None:
            await self._ask(pause)
        return was_due

    async def _ask(self, pause: RecordingPause) -> RecordingPause:
        """Ask the provider for what the pause wants now, and keep its answer."""
        try:
            outcome = await self._request(pause)
        except (FetchFailed, NotFound) as error:
            _LOG.warning("recording_pause.failed", connection_id=pause.connection_id, reason=str(error))
            outcome = "not_done"
        return await self.database.write(lambda tx: _note(tx, pause, outcome))

    async def _request(self, pause: RecordingPause) -> _Outcome:
        if pause.connection_id is None:
            return "impossible"
        opened = await self.connection_cache.get(pause.connection_id)
        provider, access = self.providers[opened.connection.provider], opened.access(self.clock())
        paused = pause.ended_at is None
        build = provider.pause_request if paused else provider.resume_request
        request = build(pause.call_ref, access)
        if request is None:
            return "impossible"
        reply = await self.rest.send(request)
        return "done" if provider.pause_state(reply, paused=paused) else "not_done"


def _get(tx: Transaction, account_id: str, call_ref: str, pause_id: str) -> RecordingPause:
    pause = tx.recording_pauses.get(account_id, call_ref, pause_id)
    if pause is None:
        raise NotFound("There is no such pause of this call.")
    return pause


def _note(tx: Transaction, asked: RecordingPause, outcome: _Outcome) -> RecordingPause:
    """Keep what a provider answered, unless the pause has ended meanwhile: then the worker asks for that."""
    tx.lock_account_and_call(asked.account_id, asked.call_ref)
    pause = tx.recording_pauses.get(asked.account_id, asked.call_ref, asked.id)
    if pause is None:
        # Erased with its call; the caller shows what was asked.
        return asked
    if pause.ended_at != asked.ended_at:
        return tx.recording_pauses.change(pause, again_in=timedelta())
    is_open, attempts = pause.ended_at is None, pause.attempts + 1
    if outcome == "not_done" and attempts < _MAX_ATTEMPTS:
        return tx.recording_pauses.change(pause, again_in=_RETRY, attempts=attempts)
    if is_open:
        answer = {"done": "paused", "not_done": "not_paused"}.get(outcome, outcome)
        _event(tx, pause, "recording.paused", pause.asked_by, answer)
        return tx.recording_pauses.change(
            pause, again_in=max(timedelta(), pause.expires_at - tx.now()), answer=answer, attempts=attempts
        )
    answer = {"done": "resumed", "not_done": "not_resumed"}.get(outcome, outcome)
    result = "expired" if pause.end_cause == "expired" and outcome == "done" else answer
    _event(tx, pause, "recording.resumed", pause.ended_by or _WORKER, result)
    return tx.recording_pauses.change(pause, again_in=None, end_answer=answer, attempts=attempts)


def _event(
    tx: Transaction,
    pause: RecordingPause,
    kind: Literal["recording.paused", "recording.resumed"],
    actor: str,
    result: str,
) -> None:
    tx.events.append(
        AccessEvent(
            type=kind, at=tx.now(), account_id=pause.account_id, actor=actor, subject=pause.id, result=result
        )
    )
