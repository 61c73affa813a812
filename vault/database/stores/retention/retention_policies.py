"""Retention policies, and what they say of each recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, case, func, insert, select, text, tuple_, update

from vault.database.account_parts.part import account_changed
from vault.database.account_parts.retention_policies import (
    not_replaced,
    policy_of,
    restore_policies,
    row_of_policy,
)
from vault.database.schema.core import IS_AVAILABLE, IS_DATED, micros, recordings
from vault.database.schema.retention import retention_policies, retention_runs
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import insert_for
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_from, recording_of
from vault.database.stores.rows import Rows
from vault.domain.calls.call import plausible
from vault.domain.recordings.recording import Recording
from vault.domain.retention.policy import NO_POLICY, UNREADABLE, RetentionPolicy, in_force, stamp_of
from vault.domain.retention.terms import RetentionTerms
from vault.errors import Tampered

# Every erasure runs these.
_NOT_REPLACED = CompiledSelect(not_replaced())
_MARKS = CompiledSelect(
    select(
        recordings.c.retention_class, recordings.c.policy_version, recordings.c.act_at,
        recordings.c.minimum_until, recordings.c.legal_until,
    ).where(recordings.c.id == bindparam("id"))
)  # fmt: skip


#: How a run of the sweep ends for an account: its cap was reached, nothing of what is due could be erased, everything
#: was done, or it was the first run, which erases nothing.
OUTCOMES: Final = ("capped", "stalled", "done", "preview")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionMarks:
    """The retention columns of a recording's row."""

    retention_class: str | None
    #: The stamp of the policies that it was computed from; below 0 after a late fact of its call.
    policy_version: int
    act_at: datetime | None
    minimum_until: datetime | None
    legal_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominee:
    """A recording that the index of due recordings names."""

    id: str
    account_id: str
    call_ref: str
    act_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRun:
    """The last run of the sweep for an account."""

    ran_at: datetime
    erased: int
    residue: int | None
    #: One of OUTCOMES.
    outcome: str
    uncapped_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicies:
    """The policy in force, those that wait, and the stamp of all."""

    current: RetentionPolicy
    #: Oldest first; only the last one will be in force.
    waiting: tuple[RetentionPolicy, ...]

    @property
    def stamp(self) -> int:
        """Return the mark of terms computed from them."""
        return stamp_of(self.current, self.waiting)

    @property
    def newest(self) -> RetentionPolicy:
        """Return the last version that was set."""
        return self.waiting[-1] if self.waiting else self.current

    @property
    def longest_wait(self) -> timedelta:
        """Return the longest waiting time of them: a shorter one counts from when it is in force."""
        return max(policy.waiting for policy in (self.current, *self.waiting))


class RetentionRows(Rows):
    """Policies and marks. Adding a policy takes the account's exclusive lock, erasing by one the shared lock."""

    def history(self, account_id: str, *, after: int, limit: int) -> list[RetentionPolicy]:
        """Return the versions after one, oldest first. Raises Tampered."""
        p = retention_policies.c
        query = select(retention_policies).where(p.account_id == account_id, p.version > after)
        return [policy_of(row) for row in self._db.execute(query.order_by(p.version).limit(limit)).mappings()]

    def version(self, account_id: str, version: int) -> RetentionPolicy:
        """Return one version, which must exist. Raises Tampered."""
        p = retention_policies.c
        query = select(retention_policies).where(p.account_id == account_id, p.version == version)
        return policy_of(self._db.execute(query).mappings().one())

    def policies(self, account_id: str, now: datetime) -> RetentionPolicies:
        """Return what holds at ``now``. Raises Tampered."""
        rows = _NOT_REPLACED.rows(self._db, account_id=account_id, now=micros(now))
        current, waiting = in_force([policy_of(row) for row in rows], now)
        return RetentionPolicies(current=current, waiting=waiting)

    def warning(self, account_id: str, now: datetime) -> str | None:
        """Return why nothing of an account is erased by time; None where a policy with classes is in force."""
        try:
            return None if self.policies(account_id, now).current.classes else NO_POLICY
        except Tampered:
            return UNREADABLE

    def add(self, account_id: str, policy: RetentionPolicy) -> None:
        """Insert a version. The account's object becomes due."""
        self._db.execute(insert(retention_policies).values(row_of_policy(account_id, policy)))
        account_changed(self._db, account_id)

    def restore(self, account_id: str, policies: Sequence[RetentionPolicy]) -> None:
        """Insert versions from the object store that the account lacks."""
        restore_policies(self._db, account_id, policies)
        account_changed(self._db, account_id)

    def accounts(self) -> Sequence[str]:
        """Return the accounts that ever had a policy."""
        query = select(retention_policies.c.account_id).distinct()
        return self._db.execute(query).scalars().all()

    def marks(self, recording_id: str) -> RetentionMarks | None:
        """Return what a recording's row says."""
        row = _MARKS.first(self._db, id=recording_id)
        return None if row is None else RetentionMarks(**row)

    def available(
        self, account_id: str, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Recording]:
        """Return the account's available recordings, the oldest first, those after the cursor (received_at, id)."""
        return [recording_of(row) for row in self._db.execute(available_query(account_id, after, limit))]

    def count_available(self, account_id: str) -> int:
        """Return the number of the account's available recordings."""
        query = select(func.count()).select_from(recordings)
        query = query.where(recordings.c.account_id == account_id, text(IS_AVAILABLE))
        return int(self._db.execute(query).scalar_one())

    def stale(
        self, account_id: str, stamp: int, *, after: tuple[int, str] | None, limit: int
    ) -> Sequence[tuple[Recording, int]]:
        """Return available recordings computed from older policies, or not yet, and their stamps.

        ``after``: the stamp and id of the last one of the page before.
        """
        rows = self._db.execute(stale_query(account_id, stamp, after, limit)).mappings()
        return [(recording_from(row), row["policy_version"]) for row in rows]

    def mark(
        self, recording_id: str, terms: RetentionTerms, *, stamp: int, before: int, lock: bool = False
    ) -> bool:
        """Write computed terms unless the stamp is no longer ``before``; return whether it was.

        ``lock``: the object store is to lock its objects until the end of a legal minimum.
        """
        r = recordings.c
        same = (r.id == recording_id) & (r.policy_version == before)
        values = {
            "retention_class": terms.class_name, "policy_version": stamp, "act_at": terms.act_at,
            "minimum_until": terms.minimum_until, "legal_until": terms.legal_until, "holds": 0,
            # Told again if it moves.
            "due_told": case((r.act_at == terms.act_at, r.due_told)),
        }  # fmt: skip
        if lock and terms.legal_until is not None:
            values["lock_state"] = "wanted"
        return bool(self._db.execute(update(recordings).where(same).values(values)).rowcount)

    def call_changed(self, account_id: str, call_ref: str) -> None:
        """Let the terms of a call's recordings be computed again, also ones that are being computed now."""
        r = recordings.c
        mine = (r.account_id == account_id) & (r.call_ref == call_ref)
        lower = func.min if self._db.dialect.name == "sqlite" else func.least
        self._db.execute(update(recordings).where(mine).values(policy_version=lower(r.policy_version, 0) - 1))

    def note_call_times(
        self, account_id: str, call_ref: str, started_at: datetime | None, ended_at: datetime | None
    ) -> None:
        """Write when a call was into those of its recordings that lack it."""
        r = recordings.c
        mine = (r.account_id == account_id) & (r.call_ref == call_ref)
        for column, at in ((r.call_started_at, started_at), (r.call_ended_at, ended_at)):
            if plausible(at) is not None:
                self._db.execute(update(recordings).where(mine, column.is_(None)).values({column: at}))

    def due(self, now: datetime, *, after: tuple[datetime, str] | None, limit: int) -> list[Nominee]:
        """Return recordings of all accounts that the index names as due, in its order; marks may be stale."""
        return [
            Nominee(id=row.id, account_id=row.account_id, call_ref=row.call_ref, act_at=row.act_at)
            for row in self._db.execute(due_query(now, after=after, limit=limit))
        ]

    def count_due(self, now: datetime) -> dict[str, int]:
        """Return by account how many recordings are due and not known to be held."""
        return {row.account_id: row.due for row in self._db.execute(due_counts_query(now))}

    def found_held(self, recording_id: str, holds: int) -> None:
        """Take a recording that is held out of the index of due ones."""
        self._db.execute(update(recordings).where(recordings.c.id == recording_id).values(holds=holds))

    def look_again(self, account_id: str, *, limit: int) -> int:
        """Put recordings that were found held into the index of due ones again; return how many."""
        r = recordings.c
        held = select(r.id).where(r.account_id == account_id, text("holds > 0")).order_by(r.id).limit(limit)
        query = update(recordings).where(r.id.in_(held)).values(holds=0)
        return self._db.execute(query).rowcount

    def never_due(self, recording_id: str) -> None:
        """Take a recording that a person reviews, or one that has left, out of the index of due ones."""
        self._db.execute(update(recordings).where(recordings.c.id == recording_id).values(act_at=None))

    def run_of(self, account_id: str) -> RetentionRun | None:
        """Return the last run for an account."""
        mine = retention_runs.c.account_id == account_id
        row = self._db.execute(select(retention_runs).where(mine)).mappings().first()
        return None if row is None else _run(row)

    def runs(self) -> dict[str, RetentionRun]:
        """Return the last run for each account."""
        rows = self._db.execute(select(retention_runs)).mappings()
        return {row["account_id"]: _run(row) for row in rows}

    def lift_cap(self, account_id: str, until: datetime) -> None:
        """Let runs for an account erase more than the cap until then."""
        mine = retention_runs.c.account_id == account_id
        self._db.execute(update(retention_runs).where(mine).values(uncapped_until=until))

    def ran(self, account_id: str, run: RetentionRun) -> None:
        """Write the last run of an account."""
        values = {name: getattr(run, name) for name in RetentionRun.__slots__}
        upsert = insert_for(self._db, retention_runs).values(account_id=account_id, **values)
        self._db.execute(upsert.on_conflict_do_update(index_elements=["account_id"], set_=values))


def available_query(account_id: str, after: tuple[datetime, str] | None, limit: int) -> Any:
    """Return the query for a page of available recordings, in the order of the index of pages."""
    r = recordings.c
    # Ordered by id, each page would sort all of them.
    query = select(*RECORDING_COLUMNS).where(r.account_id == account_id, text(IS_AVAILABLE))
    if after is not None:
        query = query.where(tuple_(r.received_at, r.id) > after)
    return query.order_by(r.received_at, r.id).limit(limit)


def stale_query(account_id: str, stamp: int, after: tuple[int, str] | None, limit: int) -> Any:
    """Return the query for a page of recordings that policies of another stamp were applied to."""
    r = recordings.c
    query = select(*RECORDING_COLUMNS, r.policy_version)
    query = query.where(r.account_id == account_id, r.policy_version < stamp, text(IS_AVAILABLE))
    if after is not None:
        query = query.where(tuple_(r.policy_version, r.id) > after)
    return query.order_by(r.policy_version, r.id).limit(limit)


def due_query(now: datetime, *, after: tuple[datetime, str] | None, limit: int) -> Any:
    """Return the query for due recordings. Its conditions are literal: as a parameter the index's would not match."""
    r = recordings.c
    query = select(r.id, r.account_id, r.call_ref, r.act_at).where(r.act_at <= now, text(IS_DATED))
    if after is not None:
        query = query.where(tuple_(r.act_at, r.id) > after)
    return query.order_by(r.act_at, r.id).limit(limit)


def due_counts_query(now: datetime) -> Any:
    """Return the query for the number of due recordings by account.

    Of all accounts together: with the id of one, SQLite would read all its recordings by another index.
    """
    r = recordings.c
    query = select(r.account_id, func.count().label("due")).where(r.act_at <= now, text(IS_DATED))
    return query.group_by(r.account_id)


def _run(row: Any) -> RetentionRun:
    return RetentionRun(**{name: row[name] for name in RetentionRun.__slots__})
