"""Holds, and the erasures that wait for their end."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from vault.batches import batches
from vault.database.account_parts.holds import hold_of, restore_hold, row_of_hold
from vault.database.account_parts.part import account_changed
from vault.database.schema.calls import call_facts, call_terms
from vault.database.schema.core import micros, recordings
from vault.database.schema.retention import holds, pending_erasures
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import insert_new
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_of, terms_of
from vault.database.stores.retention.hold_conditions import bound_by, covered_by, joined
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import Recording
from vault.domain.retention.hold import (
    HeldCandidate,
    Hold,
    covering,
    covers,
    possible_starts,
)
from vault.domain.retention.judge import Wish
from vault.domain.stored.retention_json import StoredHold

#: Ids in one query.
_BATCH_SIZE: Final = 500
# Every erasure runs it.
_IN_EFFECT = CompiledSelect(
    select(holds).where(
        holds.c.account_id == bindparam("account_id"),
        or_(holds.c.free_at.is_(None), holds.c.free_at > bindparam("now")),
    )
)


#: Wishes by the cause of an erasure that waits; every other cause is a person's.
_WISHES: Final[Mapping[str, Wish]] = {"withdrawal": "withdrawal", "deletion": "deletion"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingErasure:
    """An erasure that was asked for, and that waits: for the end of a hold or a legal minimum, or for its turn."""

    recording_id: str
    account_id: str
    since: datetime
    #: A code: withdrawal, request, deletion.
    cause: str
    actor: str

    @property
    def wish(self) -> Wish:
        """Who wants the erasure."""
        return _WISHES.get(self.cause, "request")


class HoldRows(Rows):
    """Holds. A caller that adds or releases one has the account's exclusive lock, one that erases the shared lock."""

    def add(self, stored: StoredHold) -> None:
        """Insert a hold. The account's object becomes due."""
        self._db.execute(insert(holds).values(row_of_hold(stored)))
        account_changed(self._db, stored.hold.account_id)

    def release(self, hold: Hold) -> None:
        """Write the release of a hold: by whom, when, and when its grace ends."""
        values = {name: getattr(hold, name) for name in ("released_at", "released_by", "free_at")}
        self._db.execute(update(holds).where(holds.c.id == hold.id).values(values))
        account_changed(self._db, hold.account_id)

    def restore(self, stored: StoredHold) -> None:
        """Insert a hold from the object store, or complete it: a release that either side knows stands."""
        restore_hold(self._db, stored)
        account_changed(self._db, stored.hold.account_id)

    def get(self, account_id: str, hold_id: str) -> StoredHold | None:
        """Return a hold of the account."""
        mine = (holds.c.account_id == account_id) & (holds.c.id == hold_id)
        row = self._db.execute(select(holds).where(mine)).mappings().first()
        return None if row is None else hold_of(row)

    def page(self, account_id: str, *, after: str | None, limit: int) -> Sequence[StoredHold]:
        """Return holds, also released ones, ordered by id."""
        query = select(holds).where(holds.c.account_id == account_id).order_by(holds.c.id).limit(limit)
        if after is not None:
            query = query.where(holds.c.id > after)
        return [hold_of(row) for row in self._db.execute(query).mappings()]

    def in_effect(self, account_id: str, now: datetime) -> list[Hold]:
        """Return the holds that bind at ``now``: those not released, and those in their grace."""
        return [
            hold_of(row).hold for row in _IN_EFFECT.rows(self._db, account_id=account_id, now=micros(now))
        ]

    def extent(self, account_id: str, now: datetime) -> tuple[int, int]:
        """Return how many holds bind at ``now``, and the characters of JSON that say what they cover."""
        mine = (holds.c.account_id == account_id) & or_(holds.c.free_at.is_(None), holds.c.free_at > now)
        covers = func.coalesce(func.sum(func.length(cast(holds.c.covers, Text))), 0)
        count, characters = self._db.execute(select(func.count(), covers).where(mine)).one()
        return int(count), int(characters)

    def ended_between(self, first: datetime, last: datetime) -> Sequence[str]:
        """Return the accounts of holds that ended in this time."""
        query = select(holds.c.account_id).where(holds.c.free_at > first, holds.c.free_at <= last).distinct()
        return self._db.execute(query).scalars().all()

    def covering(
        self, recording: Recording, now: datetime, *, among: Sequence[Hold] | None = None
    ) -> list[Hold]:
        """Return the holds in effect that cover a recording; ``among``: the account's, where they were read before."""
        all_holds = self.in_effect(recording.account_id, now) if among is None else among
        return covering(all_holds, self._candidate(recording, all_holds), now) if all_holds else []

    def has_covered(self, recording: Recording) -> bool:
        """Return whether any hold covers a recording, also one that has ended."""
        query = select(holds).where(holds.c.account_id == recording.account_id)
        all_holds = [hold_of(row).hold for row in self._db.execute(query).mappings()]
        candidate = self._candidate(recording, all_holds)
        return any(covers(hold, candidate) for hold in all_holds)

    def _candidate(self, recording: Recording, all_holds: Sequence[Hold]) -> HeldCandidate:
        """Return what these holds compare of a recording."""
        terms = terms_of(self._db, recording) if any(hold.covers.terms for hold in all_holds) else frozenset()
        starts = possible_starts(
            recording.call_started_at, ended_at=recording.call_ended_at, received_at=recording.received_at
        )
        if any(hold.covers.from_ or hold.covers.to for hold in all_holds):
            f = call_facts.c
            mine = (f.account_id == recording.account_id) & (f.call_ref == recording.call_ref)
            reported = select(f.started_at).where(mine, f.started_at.is_not(None))
            starts += self._db.execute(reported).scalars().all()
        return HeldCandidate(
            recording_id=recording.id, call_ref=recording.call_ref, starts=starts, terms=terms
        )

    def covering_calls(self, account_id: str, call_refs: Sequence[str], now: datetime) -> list[Hold]:
        """Return the holds in effect that cover any of the calls, whether these have recordings or facts alone."""
        all_holds = self.in_effect(account_id, now)
        found = set[str]()
        for batch in batches(call_refs, _BATCH_SIZE) if all_holds else ():
            calls = self._calls(account_id, batch, now)
            found |= {hold.id for hold in all_holds if any(covers(hold, call) for call in calls)}
        return [hold for hold in all_holds if hold.id in found]

    def held_calls_among(self, account_id: str, call_refs: Sequence[str], now: datetime) -> set[str]:
        """Return those of the calls that ``covering_calls`` has a hold for."""
        united = [hold for part in joined(self.in_effect(account_id, now)) for hold in part]
        if not united:
            return set()
        return {
            call.call_ref
            for batch in batches(call_refs, _BATCH_SIZE)
            for call in self._calls(account_id, batch, now)
            if any(covers(hold, call) for hold in united)
        }

    def _calls(self, account_id: str, call_refs: Sequence[str], now: datetime) -> list[HeldCandidate]:
        """Return what holds compare of at most some hundred calls; of one without any time it is ``now``."""
        t, f, r = call_terms.c, call_facts.c, recordings.c
        terms, starts = defaultdict[str, set[bytes]](set), defaultdict[str, list[datetime]](list)
        named = select(t.call_ref, t.term).where(t.account_id == account_id, t.call_ref.in_(call_refs))
        for call_ref, term in self._db.execute(named):
            terms[call_ref].add(term)
        reported = select(f.call_ref, f.started_at, f.ended_at, f.at).where(
            f.account_id == account_id, f.call_ref.in_(call_refs)
        )
        recorded = select(r.call_ref, r.call_started_at, r.call_ended_at, r.received_at).where(
            r.account_id == account_id, r.call_ref.in_(call_refs)
        )
        for query in (reported, recorded):
            for call_ref, started_at, ended_at, at in self._db.execute(query):
                starts[call_ref] += possible_starts(started_at, ended_at=ended_at, received_at=at)
        return [
            HeldCandidate(recording_id="", call_ref=ref, starts=starts[ref] or [now], terms=terms[ref])
            for ref in call_refs
        ]

    def count_covered(self, hold: Hold) -> int:
        """Return how many available recordings a hold covers."""
        query = select(func.count()).select_from(recordings).where(covered_by(hold))
        return int(self._db.execute(query).scalar_one())

    def covered_ids(self, hold: Hold, *, limit: int) -> Sequence[str]:
        """Return the ids of available recordings that a hold covers, in their order."""
        query = select(recordings.c.id).where(covered_by(hold)).order_by(recordings.c.id).limit(limit)
        return self._db.execute(query).scalars().all()

    def newest_covered(self, hold: Hold) -> str | None:
        """Return the id of the available recording that a hold covers and that arrived last."""
        r = recordings.c
        newest = select(r.id).where(covered_by(hold)).order_by(r.received_at.desc(), r.id.desc()).limit(1)
        return self._db.execute(newest).scalar()

    def held_among(self, account_id: str, recording_ids: Sequence[str], now: datetime) -> set[str]:
        """Return those of the recordings, in any state, that a hold in effect keeps from being erased."""
        r, held = recordings.c, set[str]()
        # Each page of recordings reads this, so an account's hundred holds are not a hundred queries.
        bound = [or_(*map(bound_by, part)) for part in joined(self.in_effect(account_id, now))]
        for batch in batches(recording_ids, _BATCH_SIZE):
            for condition in bound:
                if batch := [one for one in batch if one not in held]:
                    held |= set(self._db.execute(select(r.id).where(r.id.in_(batch), condition)).scalars())
        return held

    def covers_any(self, hold: Hold, recording_ids: Sequence[str]) -> bool:
        """Return whether a hold covers any of the recordings, in any state."""
        r = recordings.c
        return any(
            self._db.execute(select(r.id).where(r.id.in_(batch), bound_by(hold)).limit(1)).first() is not None
            for batch in batches(recording_ids, _BATCH_SIZE)
        )

    def would_leave(
        self, hold: Hold, by: datetime, *, closing: bool, after: str, limit: int
    ) -> Sequence[Recording]:
        """Return available recordings that a hold covers, and that are due by ``by`` or whose erasure waits.

        ``closing``: all that it covers, because the account is closed by then.
        """
        r = recordings.c
        waits = (
            select(pending_erasures.c.recording_id).where(pending_erasures.c.recording_id == r.id).exists()
        )
        query = select(*RECORDING_COLUMNS).where(covered_by(hold), r.id > after)
        if not closing:
            query = query.where(or_(r.act_at <= by, waits))
        return [recording_of(row) for row in self._db.execute(query.order_by(r.id).limit(limit))]


class PendingErasureRows(Rows):
    """Erasures that wait."""

    def add(self, pending: PendingErasure) -> bool:
        """Insert it; False if the recording's erasure waits already: then the first cause and time stand."""
        row = {name: getattr(pending, name) for name in PendingErasure.__slots__}
        return bool(insert_new(self._db, pending_erasures, row))

    def get(self, recording_id: str) -> PendingErasure | None:
        """Return the erasure that waits for a recording."""
        mine = pending_erasures.c.recording_id == recording_id
        row = self._db.execute(select(pending_erasures).where(mine)).mappings().first()
        return None if row is None else PendingErasure(**row)

    def among(self, recording_ids: Sequence[str]) -> set[str]:
        """Return those of at most some hundred recordings whose erasure waits."""
        p = pending_erasures.c
        return set(
            self._db.execute(select(p.recording_id).where(p.recording_id.in_(recording_ids))).scalars()
        )

    def remove(self, recording_id: str) -> None:
        """Delete it, with its recording's erasure."""
        self._db.execute(delete(pending_erasures).where(pending_erasures.c.recording_id == recording_id))

    def page(self, *, after: str, limit: int) -> Sequence[PendingErasure]:
        """Return erasures that wait, of all accounts, ordered by recording."""
        p = pending_erasures.c
        query = select(pending_erasures).where(p.recording_id > after).order_by(p.recording_id).limit(limit)
        return [PendingErasure(**row) for row in self._db.execute(query).mappings()]
