"""Compute from the policies what the retention of recordings is: for the marks in their rows, previews and answers.

Facts of calls are sealed, so they are opened before the transaction that writes; a policy whose classes match every
call needs none of them, and then no recording is opened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.calls.call import is_plausible, plausible
from vault.domain.consent.call_claims import CallClaims
from vault.domain.folded_text import folded
from vault.domain.recordings.media import MAX_DURATION
from vault.domain.recordings.recording import Recording
from vault.domain.retention.period import Period, notice_period
from vault.domain.retention.policy import CallTraits, RetentionPolicy
from vault.domain.retention.terms import (
    CallTimes,
    ContactEnd,
    RetentionTerms,
    not_before,
    retention_terms_under,
)
from vault.errors import NotFound, Tampered
from vault.ports.keys import KeyRing
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.call_rows import read_call_rows
from vault.services.shared.encrypted_fields import open_facts, open_recording
from vault.services.shared.paced import paced

#: From the receipt of a recording to when the facts of its call have usually been reported.
_SETTLED_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFacts:
    """Facts of a call that were reported long after its recording."""

    #: What the call was without them.
    before: CallTraits
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionFacts:
    """What the policies ask of a recording."""

    recording: Recording
    times: CallTimes
    call: CallTraits
    notice_periods: tuple[Period, ...]
    late: LateFacts | None = None

    def terms(self, policies: Sequence[RetentionPolicy]) -> RetentionTerms:
        """Return its terms under policies of which each keeps what it keeps.

        What was reported late may shorten them too, but not before the waiting time has passed, as for a change of the
        policy: a key that reports facts of calls may not erase.
        """
        terms = retention_terms_under(policies, self.call, self.times, self.notice_periods)
        if self.late is None:
            return terms
        before = retention_terms_under(policies, self.late.before, self.times, self.notice_periods)
        return not_before(terms, before, self.late.told_at + policies[0].waiting)

    def marks(self, policies: Sequence[RetentionPolicy]) -> RetentionTerms:
        """Return what its row says of it: its terms, under the policy in force and those that wait.

        A row has the class of the policy in force alone. Where that erases and one that waits lets a person decide,
        maybe by a class of another name, it is not due until the wait is over and its row is computed again.
        """
        terms = self.terms(policies)
        if terms.at_end == "review" and self.terms(policies[:1]).at_end == "erase":
            return replace(terms, act_at=None)
        return terms


@dataclass(slots=True, kw_only=True)
class ComputedFacts:
    """What the policies ask of recordings; and the recordings of which that cannot be read, which are kept."""

    found: list[RetentionFacts] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeTerms:
    """Read what the policies ask of recordings."""

    database: Database
    ring: KeyRing
    call_opener: CallOpener

    async def notice_periods(self, account_id: str) -> Mapping[str, Period]:
        """Return the periods that the account's notices tell, by notice, where they can be read."""
        notices = await self.database.read(lambda tx: tx.notices.of_account(account_id))
        periods = {notice.id: notice_period(notice.retention, notice.text) for notice in notices}
        return {notice_id: period for notice_id, period in periods.items() if period is not None}

    async def facts(
        self,
        recordings: Sequence[Recording],
        policies: Sequence[RetentionPolicy],
        notice_periods: Mapping[str, Period],
    ) -> ComputedFacts:
        """Return what the policies ask of recordings of one account, but for erased ones. Raises Unavailable."""
        ends, contacts = await self.database.read(
            lambda tx: (_ends(tx, recordings), _contacts(tx, recordings, policies))
        )
        opens = bool(notice_periods) or any(
            kept.match.fields for policy in policies for kept in policy.classes
        )
        computed = ComputedFacts()
        async for recording, call_ends in paced(zip(recordings, ends, strict=True)):
            try:
                times = _times(recording, call_ends, contacts.get(recording.id))
                call = await self._opened(recording, notice_periods) if opens else _UNASKED
            except NotFound:
                continue  # It was erased meanwhile.
            except (Tampered, ValueError, OverflowError):
                computed.unreadable.append(recording.id)
                continue
            found = RetentionFacts(
                recording=recording,
                times=times,
                call=call.traits,
                notice_periods=call.periods,
                late=call.late,
            )
            computed.found.append(found)
        return computed

    async def _opened(self, recording: Recording, notice_periods: Mapping[str, Period]) -> "_Opened":
        keys = await self.database.read(lambda tx: tx.recordings.keys(recording.id))
        if keys is None or keys.details is None:
            raise NotFound("The recording was erased meanwhile.")
        own = (await open_recording(self.ring, recording, keys)).details().facts
        account_id, call_ref = recording.account_id, recording.call_ref
        rows = await self.database.read(lambda tx: read_call_rows(tx, account_id, call_ref))
        stored = {
            row.id: facts
            for row, facts in zip(rows.facts, await open_facts(self.ring, rows.facts), strict=True)
        }
        known = await self.call_opener.open(account_id, call_ref, rows, own, fresh=stored)
        heard = {event.notice.id for event in known.events if event.notice is not None}
        settled = recording.received_at + _SETTLED_AFTER
        late = None
        if any(row.at > settled for row in rows.facts):
            early = [stored[row.id] for row in rows.facts if row.at <= settled]
            told_at = max(row.at for row in rows.facts)
            late = LateFacts(before=self._traits(CallClaims.of([own, *early])), told_at=told_at)
        periods = tuple(notice_periods[notice] for notice in sorted(heard & set(notice_periods)))
        return _Opened(traits=self._traits(known.claims), periods=periods, late=late)

    def _traits(self, claims: CallClaims) -> CallTraits:
        hints = frozenset[str | None]().union(*self.call_opener.hints(claims).values())
        return CallTraits(
            directions=frozenset(claims.directions),
            agents=frozenset(map(folded, claims.agents)),
            places=claims.caller_places | claims.callee_places | {one for one in hints if one is not None},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What the facts of a call say."""

    traits: CallTraits
    periods: tuple[Period, ...]
    late: LateFacts | None


#: Of a call that no policy asks anything of.
_UNASKED: Final = _Opened(traits=CallTraits(), periods=(), late=None)


def _times(recording: Recording, call_ends: Sequence[datetime], contact: ContactEnd | None) -> CallTimes:
    """Return the times of a recording. Raises Tampered for one from which a period would leave the calendar."""
    vaults_own = [recording.received_at]
    if contact is not None:
        vaults_own += [contact.told_at, contact.ended_at or contact.told_at]
    if not all(map(is_plausible, vaults_own)):
        raise Tampered("A time that the vault itself wrote is none.")
    return replace(times_of(recording, call_ends), contact=contact)


def times_of(recording: Recording, call_ends: Sequence[datetime]) -> CallTimes:
    """Return the times that a period counts from.

    The latest end counts, unless it is before the start, or long after the receipt: platforms report such for a call
    whose end they do not know. A time at which no call can have been is one that is not known.
    """
    latest = recording.received_at + timedelta(seconds=MAX_DURATION)
    started, length = plausible(recording.call_started_at), recording.duration
    known = [end for end in call_ends if plausible(end) is not None]
    ends = [end for end in known if (started is None or started <= end) and end <= latest]
    return CallTimes(
        received_at=recording.received_at,
        started_at=started,
        ended_at=max(ends, default=None),
        played_until=None if started is None or length is None else started + timedelta(seconds=length),
    )


def _contacts(
    tx: Transaction, recordings: Sequence[Recording], policies: Sequence[RetentionPolicy]
) -> Mapping[str, ContactEnd]:
    """Return the ends of contacts, by recording, where a class counts from them."""
    counts = any(kept.starts == "contact_ended" for policy in policies for kept in policy.classes)
    return tx.contact_ends.of_recordings([recording.id for recording in recordings]) if counts else {}


def _ends(tx: Transaction, recordings: Sequence[Recording]) -> list[list[datetime]]:
    """Return the ends that were reported of the call of each recording, all of one account."""
    if not recordings:
        return []
    refs = {recording.call_ref for recording in recordings}
    reported = tx.call_facts.ends_of(recordings[0].account_id, sorted(refs))
    return [
        [end for end in (recording.call_ended_at, *reported.get(recording.call_ref, ())) if end is not None]
        for recording in recordings
    ]
