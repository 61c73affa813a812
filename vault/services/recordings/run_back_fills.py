"""Carry out back-fills of the policy on card data: search one recording after the other, and remove card numbers.

The place of each back-fill is in its row, and moves on in the transaction that proposes or removes what was found. So
a process that is killed repeats one recording at most, and a back-fill that was paused meanwhile changes nothing.
Accounts take turns, one recording at a time in the whole vault, with a rest as long as the work: so it takes half of
the time of one decoder at most, and those who call and listen do not wait for it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, cast

from vault.backoff import Backoff
from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.transaction import Transaction
from vault.domain.recordings.back_fill import SEARCHED, BackFill, Searched
from vault.domain.recordings.card_data import CardDataPolicy, FoundDigits, Unremoved, proposals_of
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.recordings.redaction import checked_spans
from vault.errors import (
    Busy,
    Held,
    Invalid,
    NotFound,
    OwnKeyUnusable,
    Refused,
    Tampered,
    Undecodable,
    VaultError,
)
from vault.ports.keys import KeyRing
from vault.services.ingest.describe_audio import DescribeAudio
from vault.services.lifecycle.lifecycle import WORKER
from vault.services.lifecycle.redact import NewAudio
from vault.services.recordings.back_fills import change_back_fill
from vault.services.recordings.redact_recording import RedactRecording
from vault.services.shared.encrypted_fields import open_recording
from vault.services.shared.job import DueJob
from vault.structured_log import Log

_LOG = Log(__name__)
#: Between tries of one recording: of an object store that fails, or a decoder that crashes.
_BACKOFF: Final = Backoff(first=timedelta(seconds=5), most=timedelta(minutes=5))
#: Failed tries of a recording, some ten minutes; then it counts as unreadable.
MAX_TRIES: Final = 8
#: The longest rest after a recording, in seconds.
_MAX_REST: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBackFills:
    """Search the next recording of the back-fill that has waited longest."""

    database: Database
    ring: KeyRing
    describe: DescribeAudio
    redact: RedactRecording

    def jobs(self) -> Sequence[DueJob]:
        """Return the work on back-fills."""
        return [DueJob(work=Work.CARD_DATA, any_due=self.any_due, step=self.step, needs_objects=True)]

    async def any_due(self) -> bool:
        """Return whether one has a recording to search now. If all can only wait, the first is polled then."""

        def read(tx: Transaction) -> bool:
            at, now = tx.card_data_back_fills.next_due(), tx.now()
            if at is not None and at > now:
                tx.wake(Work.CARD_DATA, after=at - now)
            return at is not None and at <= now

        return await self.database.read(read)

    async def step(self) -> bool:
        """Search one recording, and rest as long as that took."""
        began = time.monotonic()
        worked = await self()
        if worked:
            await asyncio.sleep(min(_MAX_REST, time.monotonic() - began))
        return worked

    async def __call__(self) -> bool:
        """Search one recording; False if no back-fill is due. Raises Unavailable of the database alone."""
        one = await self.database.read(lambda tx: tx.card_data_back_fills.due())
        if one is None:
            return False
        tries = one.tries + 1
        # Noted before: a recording whose search ends the process is not tried for ever.
        wait = _BACKOFF.after(tries)
        if not await self.database.write(
            lambda tx: tx.card_data_back_fills.try_again(one, wait, tries=tries)
        ):
            return True
        try:
            await self._search_next(one, is_last=tries > MAX_TRIES)
        except OwnKeyUnusable:
            # Of no recording: its account took the key away, and may give it back.
            await self.database.write(
                lambda tx: tx.card_data_back_fills.try_again(one, _BACKOFF.most, tries=one.tries)
            )
        except VaultError as error:
            _LOG.warning("card_data.put_off", account_id=one.account_id, reason=type(error).__name__)
        return True

    async def _search_next(self, one: BackFill, *, is_last: bool) -> None:
        def read(tx: Transaction) -> tuple[CardDataPolicy, Recording | None, RecordingKeys | None]:
            recording = tx.card_data_back_fills.next_recording(one)
            keys = None if recording is None else tx.recordings.keys(recording.id)
            return tx.card_data.policy(one.account_id), recording, keys

        policy, recording, keys = await self.database.read(read)
        if not _is_of(one, policy):
            await self.database.write(lambda tx: change_back_fill(tx, one, "stopped", WORKER))
        elif recording is None:
            await self.database.write(lambda tx: change_back_fill(tx, one, "done", WORKER))
        elif is_last or keys is None:
            await self._skip(one, recording, "tries")
        else:
            await self._search(one, recording, keys, policy)

    async def _search(
        self, one: BackFill, recording: Recording, keys: RecordingKeys, policy: CardDataPolicy
    ) -> None:
        try:
            opened = await open_recording(self.ring, recording, keys)
            found = await self.describe.find_digits(opened)
        except (Undecodable, Tampered, NotFound) as error:
            await self._skip(one, recording, type(error).__name__)
            return
        cards = [digits for digits in found if digits.kind == "card_number"]
        unremoved = None
        if policy.keyed_digits == "redact" and cards:
            unremoved = await self._remove(one, recording, cards, policy)
            if unremoved is None:
                return
            _LOG.warning("card_data.left", recording_id=recording.id, reason=unremoved)
        said = Searched(
            held=1 if unremoved == "held" else 0, unremoved=0 if unremoved in {None, "held"} else 1
        )
        await self.database.write(
            lambda tx: _move_on(tx, one, recording, said, found=found, unremoved=unremoved)
        )

    async def _remove(
        self, one: BackFill, recording: Recording, cards: Sequence[FoundDigits], policy: CardDataPolicy
    ) -> Unremoved | None:
        """Remove card numbers and move on; return why they stay, then nothing was changed. Raises as the removal."""

        def also(tx: Transaction, new: NewAudio) -> None:
            if not _is_of(one, tx.card_data.policy(one.account_id)):
                raise Busy("The policy was changed meanwhile.", retry_after=1)
            _advance(tx, one, recording, Searched(removed=1), found=new.keyed_digits)

        duration = recording.duration or 0.0
        try:
            spans = checked_spans(
                [digits.span(duration) for digits in cards],
                duration=duration, channels=recording.channels or 0,
            )  # fmt: skip
            await self.redact.by_policy(recording, spans, policy, also=also)
        except Held:
            return "held"
        except Busy:
            raise
        except Refused as error:
            return cast("Unremoved", error.reasons[0])
        except Invalid:
            # The row says nothing of its channels or of its length: it was never decoded whole.
            return "format"
        return None

    async def _skip(self, one: BackFill, recording: Recording, why: str) -> None:
        """Move on from what cannot be read."""
        _LOG.warning("card_data.unreadable", recording_id=recording.id, reason=why)
        await self.database.write(lambda tx: _move_on(tx, one, recording, Searched(unreadable=1)))


def _is_of(one: BackFill, policy: CardDataPolicy) -> bool:
    return (policy.keyed_digits, policy.changed_at) == (one.keyed_digits, one.policy_at)


def _advance(
    tx: Transaction,
    one: BackFill,
    recording: Recording,
    said: Searched,
    *,
    found: Sequence[FoundDigits] = (),
    unremoved: Unremoved | None = None,
) -> None:
    """Propose what was found, and move on. Raises Busy if the back-fill does not run, or is at another place."""
    proposals = proposals_of(recording, found, at=tx.now(), unremoved=unremoved)
    proposed = tx.card_data.propose_new(proposals)
    counted = replace(said, seconds=recording.duration or 0.0, proposed=proposed)
    if not tx.card_data_back_fills.advance(one, recording, counted):
        raise Busy("The back-fill was paused or stopped meanwhile.", retry_after=1)


def _move_on(
    tx: Transaction,
    one: BackFill,
    recording: Recording,
    said: Searched,
    *,
    found: Sequence[FoundDigits] = (),
    unremoved: Unremoved | None = None,
) -> None:
    """Do so for a recording that was not changed; what was erased meanwhile has no proposals.

    One whose audio was replaced since it was read is searched again.
    """
    tx.lock_account_and_call(recording.account_id, recording.call_ref)
    current = tx.recordings.get(recording.account_id, recording.id)
    if current is None or current.state not in SEARCHED:
        _advance(tx, one, recording, Searched())
    elif current.audio == recording.audio:
        _advance(tx, one, recording, said, found=found, unremoved=unremoved)
    else:
        tx.card_data_back_fills.try_again(one, timedelta(), tries=0)
