"""Say that the contact with a person has ended, from which classes with ``contact_ended`` count, or take that back.

It is written for each recording of the contact, so that it goes with its recording, and no number is kept for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.plausible_time import YEARS, is_plausible
from vault.domain.retention.contact_end import ContactEnd
from vault.domain.retention.hold import MAX_COVERED, RecordingSelection
from vault.errors import Invalid, Refused
from vault.ports.clock import Clock
from vault.ports.numbers import Numbers
from vault.rfc3339 import write_rfc3339
from vault.services.admission.admission import Admission

#: Max recordings of one contact: a number with more is one that many people share.
MAX_RECORDINGS: Final = 2000
_BATCH_SIZE: Final = 200
_MICROSECOND: Final = datetime.resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChange:
    """How many recordings a contact has, and of how many its end was changed by this."""

    recordings: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEnds:
    """Set the end of contacts, and withdraw it."""

    database: Database
    admission: Admission
    numbers: Numbers
    clock: Clock

    async def end(
        self,
        account_id: str,
        *,
        numbers: Sequence[str],
        calls: Sequence[str],
        ended_at: datetime,
        actor: str,
    ) -> ContactChange:
        """Set when a contact ended; this replaces an earlier time.

        It is about the recordings of the calls, and of the numbers' calls that began by then, as far as the vault has
        them: one that comes later needs it again. Saying the same again changes nothing. Raises Invalid, Refused above
        MAX_RECORDINGS.
        """
        if ended_at > self.clock():
            raise Invalid("ended_at must not be in the future: say it when it has ended.", field="ended_at")
        if not is_plausible(ended_at):
            # No call is so old.
            raise Invalid(f"ended_at must not be before {YEARS[0]}.", field="ended_at")
        named = await self._named(account_id, numbers, calls)
        return await self._write(
            account_id, replace(named, to=ended_at + _MICROSECOND), ended_at=ended_at, actor=actor
        )

    async def withdraw(
        self, account_id: str, *, numbers: Sequence[str], calls: Sequence[str], actor: str
    ) -> ContactChange:
        """Withdraw the end of a contact, which goes on. Once this returns, no period counts from its end.

        Raises Invalid, Refused above MAX_RECORDINGS.
        """
        named = await self._named(account_id, numbers, calls)
        return await self._write(account_id, named, ended_at=None, actor=actor)

    async def _named(
        self, account_id: str, numbers: Sequence[str], calls: Sequence[str]
    ) -> RecordingSelection:
        if not 0 < len(numbers) + len(calls) <= MAX_COVERED:
            text = f"Name the contact by numbers or calls, at most {MAX_COVERED} together."
            raise Invalid(text, field="numbers")
        for place, number in enumerate(numbers):
            if self.numbers.has_extension(number):
                # Calls are found by the number alone: the contact of everybody behind it would end.
                text = "Extensions cannot be searched: name the contact by calls."
                raise Invalid(text, field=f"numbers.{place}")
        terms = await self.admission.terms_of_numbers(account_id, numbers)
        return RecordingSelection(calls=frozenset(calls), terms=terms)

    async def _write(
        self, account_id: str, named: RecordingSelection, *, ended_at: datetime | None, actor: str
    ) -> ContactChange:
        recordings = await self.database.read(lambda tx: tx.contact_ends.count(account_id, named))
        if recordings > MAX_RECORDINGS:
            text = (
                f"The contact has more than {MAX_RECORDINGS} recordings, the maximum: perhaps several people share "
                "a number. Name fewer calls."
            )
            raise Refused(text, reasons=("too_many_recordings",))
        changed, after = 0, ""

        def write(tx: Transaction) -> tuple[int, str]:
            return _write_page(tx, account_id, named, after, ended_at=ended_at, actor=actor)

        while True:
            now_changed, after = await self.database.write(write, urgent=True)
            changed += now_changed
            if not after:
                return ContactChange(recordings=recordings, changed=changed)


def _write_page(
    tx: Transaction,
    account_id: str,
    named: RecordingSelection,
    after: str,
    *,
    ended_at: datetime | None,
    actor: str,
) -> tuple[int, str]:
    """Write the end of the next recordings after ``after``; return how many changed, and the last id if more follow."""
    tx.lock_account(account_id, exclusive=True)
    now, changed, calls = tx.now(), 0, set[str]()
    page = tx.contact_ends.page(account_id, named, after=after, limit=_BATCH_SIZE)
    for recording in page:
        known = recording.known
        if ended_at == (None if known is None else known.ended_at):
            continue
        # The database's clock may have been ahead when the last one was written; a later one stands.
        at = now if known is None else max(now, known.told_at)
        end = ContactEnd(
            recording_id=recording.id, account_id=account_id, ended_at=ended_at, told_at=at, told_by=actor
        )
        changed += tx.contact_ends.put(end)
        calls.add(recording.call_ref)
        tx.events.append(_event(end))
    for call_ref in sorted(calls):
        tx.retention.call_changed(account_id, call_ref)
    if ended_at is None:
        tx.closing.recall(account_id, "recording.contact_end_withdrawn")
    return changed, page[-1].id if len(page) == _BATCH_SIZE else ""


def _event(end: ContactEnd) -> AccessEvent:
    return AccessEvent(
        type="recording.contact_end_withdrawn" if end.ended_at is None else "recording.contact_ended",
        at=end.told_at,
        account_id=end.account_id,
        actor=end.told_by,
        recording_id=end.recording_id,
        result=None if end.ended_at is None else write_rfc3339(end.ended_at, "microseconds"),
    )
