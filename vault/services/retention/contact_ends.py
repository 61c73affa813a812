"""Say that the contact with a person has ended, from which classes with ``contact_ended`` count, or take that back.

It is written for each recording of the contact, so that it goes with its recording, and no number is kept for it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from vault.database.interface import Database
from vault.database.stores.retention.contact_ends import NamedRecording
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.call import CALL_YEARS, is_plausible
from vault.domain.retention.hold import MAX_COVERED, RecordingSelection
from vault.domain.retention.terms import ContactEnd
from vault.errors import Invalid, Refused
from vault.ports.clock import Clock
from vault.rfc3339 import write_rfc3339
from vault.services.admission.certain_numbers import CertainNumbers, NumberTerms

#: Max recordings of one contact: a number with more is one that many people share.
MAX_RECORDINGS: Final = 2000
_BATCH_SIZE: Final = 200
_MICROSECOND: Final = datetime.resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChange:
    """How many recordings a contact has, and of how many its end was changed by this."""

    recordings: int = 0
    changed: int = 0
    #: Recordings whose number can be that of somebody else too: they were not changed.
    possible: int = 0

    def __add__(self, other: "ContactChange") -> "ContactChange":
        """Return both together."""
        return ContactChange(
            recordings=self.recordings + other.recordings,
            changed=self.changed + other.changed,
            possible=self.possible + other.possible,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contact:
    """A contact, as it was named."""

    named: RecordingSelection
    numbers: NumberTerms
    #: None: the contact goes on.
    ended_at: datetime | None
    actor: str

    def certain(
        self, tx: Transaction, account_id: str, page: Sequence[NamedRecording]
    ) -> list[NamedRecording] | set[str]:
        """Return those recordings that are to be changed; or the numbers of which more must be read to tell.

        An end is written where the call is certainly the contact's. A withdrawal keeps recordings longer alone, and
        earlier releases wrote ends where it is only possible: it reaches all.
        """
        if self.ended_at is None:
            return list(page)
        spelled = {one.call_ref for one in page if one.call_ref not in self.named.calls}
        known = tx.person_search.terms_of_calls(account_id, spelled)
        if unread := self.numbers.unread(known.values()):
            return unread
        return [
            one
            for one in page
            if one.call_ref in self.named.calls
            or self.numbers.are_certain(known.get(one.call_ref, frozenset()))
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEnds:
    """Set the end of contacts, and withdraw it."""

    database: Database
    certain_numbers: CertainNumbers
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
        them: one that comes later needs it again. A call whose number can be that of somebody else too is reached by
        naming the call alone. Saying the same again changes nothing. Raises Invalid, Refused above MAX_RECORDINGS.
        """
        if ended_at > self.clock():
            raise Invalid("ended_at must not be in the future: say it when it has ended.", field="ended_at")
        if not is_plausible(ended_at):
            # No call is so old.
            raise Invalid(f"ended_at must not be before {CALL_YEARS[0]}.", field="ended_at")
        terms = await self._terms(account_id, numbers, calls)
        named = RecordingSelection(
            calls=frozenset(calls), terms=frozenset(terms.calls), to=ended_at + _MICROSECOND
        )
        contact = _Contact(named=named, numbers=terms, ended_at=ended_at, actor=actor)
        return await self._write(account_id, contact)

    async def withdraw(
        self, account_id: str, *, numbers: Sequence[str], calls: Sequence[str], actor: str
    ) -> ContactChange:
        """Withdraw the end of a contact, which goes on. Once this returns, no period counts from its end.

        Raises Invalid, Refused above MAX_RECORDINGS.
        """
        terms = await self._terms(account_id, numbers, calls)
        named = RecordingSelection(calls=frozenset(calls), terms=frozenset(terms.calls))
        return await self._write(account_id, _Contact(named=named, numbers=terms, ended_at=None, actor=actor))

    async def _terms(self, account_id: str, numbers: Sequence[str], calls: Sequence[str]) -> NumberTerms:
        if not 0 < len(numbers) + len(calls) <= MAX_COVERED:
            text = f"Name the contact by numbers or calls, at most {MAX_COVERED} together."
            raise Invalid(text, field="numbers")
        home = await self.certain_numbers.home_regions(account_id)
        read = list[str]()
        for place, number in enumerate(numbers):
            read.append(self._read(number, home, f"numbers.{place}"))
            # Some hundred of them take longer than others should wait.
            await asyncio.sleep(0)
        return await self.certain_numbers.terms(account_id, read, numbers)

    def _read(self, written: str, home: Sequence[str], field: str) -> str:
        number = self.certain_numbers.read(
            written, home, field=field, on_extension="name the contact by calls."
        )
        if self.certain_numbers.is_ambiguous(written, home):
            text = "This number can mean several numbers: write it with a plus and its country, such as +442079460123."
            raise Invalid(text, field=field)
        return number

    async def _write(self, account_id: str, contact: _Contact) -> ContactChange:
        recordings = await self.database.read(lambda tx: tx.contact_ends.count(account_id, contact.named))
        if recordings > MAX_RECORDINGS:
            text = (
                f"The contact has more than {MAX_RECORDINGS} recordings, the maximum: perhaps several people share "
                "a number. Name fewer calls."
            )
            raise Refused(text, reasons=("too_many_recordings",))
        change, after = ContactChange(), ""
        while True:
            written = await self.database.write(partial(_write_page, account_id, contact, after), urgent=True)
            if isinstance(written, set):
                numbers = await self.certain_numbers.with_others(account_id, contact.numbers, written)
                contact = replace(contact, numbers=numbers)
                continue
            now_changed, after = written
            change += now_changed
            if not after:
                return change


def _write_page(
    account_id: str, contact: _Contact, after: str, tx: Transaction
) -> tuple[ContactChange, str] | set[str]:
    """Write the end of the next recordings after ``after``; return what changed, and the last id if more follow.

    Nothing is written if more numbers must be read first: then these are returned.
    """
    tx.lock_account(account_id, exclusive=True)
    now, changed, calls, ended_at = tx.now(), 0, set[str](), contact.ended_at
    page = tx.contact_ends.page(account_id, contact.named, after=after, limit=_BATCH_SIZE)
    certain = contact.certain(tx, account_id, page)
    if isinstance(certain, set):
        return certain
    for recording in certain:
        known = recording.end
        if ended_at == (None if known is None else known.ended_at):
            continue
        # The database's clock may have been ahead when the last one was written; a later one stands.
        at = now if known is None else max(now, known.told_at)
        end = ContactEnd(
            recording_id=recording.id,
            account_id=account_id,
            ended_at=ended_at,
            told_at=at,
            told_by=contact.actor,
        )
        changed += tx.contact_ends.put(end)
        calls.add(recording.call_ref)
        tx.events.append(_event(end))
    for call_ref in sorted(calls):
        tx.retention.call_changed(account_id, call_ref)
    if ended_at is None:
        tx.closing_acts.recall(account_id, "recording.contact_end_withdrawn")
    change = ContactChange(recordings=len(certain), changed=changed, possible=len(page) - len(certain))
    return change, page[-1].id if len(page) == _BATCH_SIZE else ""


def _event(end: ContactEnd) -> AccessEvent:
    return AccessEvent(
        type="recording.contact_end_withdrawn" if end.ended_at is None else "recording.contact_ended",
        at=end.told_at,
        account_id=end.account_id,
        actor=end.told_by,
        recording_id=end.recording_id,
        result=None if end.ended_at is None else write_rfc3339(end.ended_at, "microseconds"),
    )
