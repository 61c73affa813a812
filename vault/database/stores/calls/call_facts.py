"""Call facts: insert-only rows, deleted only per call; and erasures of them that wait for the end of a hold."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Integer,
    Select,
    bindparam,
    delete,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    union_all,
)

from vault.database.schema.calls import call_facts, call_terms
from vault.database.schema.card_data import recording_pauses
from vault.database.schema.consent import consent_events
from vault.database.schema.core import recording_terms, recordings
from vault.database.schema.retention import pending_call_erasures
from vault.database.sql.compiled_statements import CompiledInsert, CompiledSelect
from vault.database.sql.dialect import insert_new, insert_returning, insert_selected
from vault.database.stores.accounts.stored_answers import forget_answers_on_call
from vault.database.stores.calls.call_changes import note_call_change, note_call_changes
from vault.database.stores.calls.call_metadata import forget_metadata_of_call
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.rows import Rows
from vault.domain.retention.hold import Hold
from vault.errors import Held

# Every call that starts inserts a row and reads the call's rows; every received recording reads them too.
_ADD = CompiledInsert(call_facts)
_OF_CALL = CompiledSelect(
    select(call_facts)
    .where(call_facts.c.account_id == bindparam("account_id"), call_facts.c.call_ref == bindparam("call_ref"))
    .order_by(call_facts.c.at, call_facts.c.id)
)
#: The rows of call ``call_ref`` of ``account_id`` that a decision reads: facts (``is_fact`` 1) and consent events (0).
ENTRIES_OF_CALL = union_all(
    *(
        select(table.c.id.label("id"), literal_column(is_fact, Integer()).label("is_fact")).where(
            table.c.account_id == bindparam("account_id"), table.c.call_ref == bindparam("call_ref")
        )
        for table, is_fact in ((call_facts, "1"), (consent_events, "0"))
    )
)
_IDS_OF_CALL = CompiledSelect(ENTRIES_OF_CALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFactRow:
    """One report about a call. Times are in plaintext, parties are sealed."""

    id: str
    account_id: str
    call_ref: str
    #: Identifies the delivery, so that a retry adds no row.
    delivery: str
    at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    sealed_facts: bytes
    #: The account key version that sealed them, or that was current when the month key did.
    key_version: int
    month_key: str | None = None


class CallFactRows(Rows):
    """Facts of calls, as append-only rows."""

    def add(self, row: CallFactRow) -> bool:
        """Insert a row; False if the same delivery was inserted before. Raises KeyRetired."""
        refuse_retired(self._db, row.account_id, row.key_version)
        added = _ADD.add(self._db, {name: getattr(row, name) for name in CallFactRow.__slots__})
        if added:
            note_call_change(self._db, row.account_id, row.call_ref)
        return added

    def add_all(self, rows: Sequence[CallFactRow]) -> None:
        """Insert rows of different calls, those whose deliveries were not inserted before. Raises KeyRetired."""
        for account_id, version in {(row.account_id, row.key_version) for row in rows}:
            refuse_retired(self._db, account_id, version)
        if not rows:
            return
        values = [{name: getattr(row, name) for name in CallFactRow.__slots__} for row in rows]
        added = set(insert_returning(self._db, call_facts, values, "id"))
        changed = {(row.account_id, row.call_ref) for row in rows if row.id in added}
        note_call_changes(self._db, sorted(changed))

    def of_call(self, account_id: str, call_ref: str) -> Sequence[CallFactRow]:
        """Return the rows of a call, oldest first."""
        rows = _OF_CALL.rows(self._db, account_id=account_id, call_ref=call_ref)
        return [CallFactRow(**row) for row in rows]

    def page(self, *, after: str, limit: int) -> Sequence[CallFactRow]:
        """Return facts of all calls, ordered by id."""
        c = call_facts.c
        query = select(call_facts).where(c.id > after).order_by(c.id).limit(limit)
        return [CallFactRow(**row) for row in self._db.execute(query).mappings()]

    def ends_of(self, account_id: str, call_refs: Sequence[str]) -> Mapping[str, Sequence[datetime]]:
        """Return the ends that were reported of each of some hundred calls."""
        c, ends = call_facts.c, dict[str, list[datetime]]()
        # With the condition that there is an end, SQLite would read every call that ended, by the index of those.
        query = select(c.call_ref, c.ended_at).where(c.account_id == account_id, c.call_ref.in_(call_refs))
        for row in self._db.execute(query):
            if row.ended_at is not None:
                ends.setdefault(row.call_ref, []).append(row.ended_at)
        return ends

    def without_recording(
        self, account_id: str, since: datetime, until: datetime, *, among: int
    ) -> Sequence[str]:
        """Return the calls that ended in this time and have no recording, the last one first.

        Only the newest ``among`` reports of an end are looked at, so that the cost does not grow with the archive.
        """
        c, r = call_facts.c, recordings.c
        ended = (
            select(c.call_ref, c.ended_at)
            .where(c.account_id == account_id, c.ended_at >= since, c.ended_at <= until)
            .order_by(c.ended_at.desc(), c.call_ref)
            .limit(among)
            .subquery()
        )
        # Each call once, before its recordings are searched: they lie far apart.
        last = func.max(ended.c.ended_at)
        calls = select(ended.c.call_ref, last.label("ended_at")).group_by(ended.c.call_ref).subquery()
        recorded = select(r.id).where(r.account_id == account_id, r.call_ref == calls.c.call_ref).exists()
        query = select(calls.c.call_ref).where(~recorded).order_by(calls.c.ended_at.desc(), calls.c.call_ref)
        return list(self._db.execute(query).scalars())

    def rows_of_call(self, account_id: str, call_ref: str) -> tuple[frozenset[str], int]:
        """Return the ids of a call's rows, and the number of its consent events."""
        rows = _IDS_OF_CALL.rows(self._db, account_id=account_id, call_ref=call_ref)
        facts = frozenset(row["id"] for row in rows if row["is_fact"])
        return facts, len(rows) - len(facts)

    def forget_call(self, account_id: str, call_ref: str, *, held: Collection[Hold]) -> None:
        """Delete the rows of a call, its search terms, pauses, metadata, and the stored answers that show it.

        Raises Held if there is a hold on the call.
        """
        if held:
            raise Held([hold.id for hold in held])
        forget_answers_on_call(self._db, account_id, call_ref)
        forget_metadata_of_call(self._db, account_id, call_ref)
        for table in (call_facts, call_terms, recording_pauses):
            mine = (table.c.account_id == account_id) & (table.c.call_ref == call_ref)
            self._db.execute(delete(table).where(mine))
        note_call_change(self._db, account_id, call_ref, erased=True)

    def index(self, account_id: str, call_ref: str, terms: Sequence[bytes]) -> None:
        """Insert blind-index terms of a call; existing terms stay."""
        self.index_all({(account_id, call_ref, term) for term in terms})

    def index_all(self, terms: Iterable[tuple[str, str, bytes]]) -> None:
        """Insert terms, each with its account and its call; existing ones stay."""
        if rows := [{"account_id": one, "call_ref": ref, "term": term} for one, ref, term in terms]:
            insert_new(self._db, call_terms, *rows)

    def index_recording(self, account_id: str, call_ref: str, recording_id: str) -> None:
        """Insert the terms of a call as those of its recording."""
        c, same = call_terms.c, {"account_id": account_id, "recording_id": recording_id}
        values = [literal(value).label(name) for name, value in same.items()]
        stored = select(*values, c.term).where(c.account_id == account_id, c.call_ref == call_ref)
        insert_selected(self._db, recording_terms, stored)

    def find(self, account_id: str, terms: Sequence[bytes], after: str | None, limit: int) -> Sequence[str]:
        """Return the refs of calls that have, or whose recordings have, one of these terms, in order."""
        r, t = recordings.c, recording_terms.c
        by_recording = (
            select(r.call_ref)
            .join(recording_terms, (t.recording_id == r.id) & (t.account_id == r.account_id))
            .where(t.account_id == account_id, t.term.in_(terms))
        )
        calls = refs_of_terms(account_id, terms).union(by_recording).subquery()
        query = select(calls.c.call_ref).where(calls.c.call_ref > (after or ""))
        return list(self._db.execute(query.order_by(calls.c.call_ref).limit(limit)).scalars())


def refs_of_terms(account_id: str, terms: Sequence[bytes]) -> Select[tuple[str]]:
    """Select the refs of calls with one of these terms."""
    c = call_terms.c
    return select(c.call_ref).where(c.account_id == account_id, c.term.in_(terms))


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCall:
    """An erasure of a call's facts that a person asked for, and that a hold stops."""

    account_id: str
    call_ref: str
    since: datetime
    #: Who decided it.
    actor: str


class PendingCallRows(Rows):
    """Erasures of calls that wait."""

    def add(self, pending: PendingCall) -> bool:
        """Insert it; False if the call's erasure waits already: then the first time stands."""
        row = {name: getattr(pending, name) for name in PendingCall.__slots__}
        return bool(insert_new(self._db, pending_call_erasures, row))

    def has(self, account_id: str, call_ref: str) -> bool:
        """Return whether the erasure of a call waits."""
        p = pending_call_erasures.c
        query = select(p.since).where(p.account_id == account_id, p.call_ref == call_ref)
        return self._db.execute(query).first() is not None

    def remove(self, account_id: str, call_ref: str) -> None:
        """Delete it, with the facts of the call."""
        p = pending_call_erasures.c
        mine = (p.account_id == account_id) & (p.call_ref == call_ref)
        self._db.execute(delete(pending_call_erasures).where(mine))

    def page(self, *, after: tuple[str, str], limit: int) -> Sequence[PendingCall]:
        """Return erasures that wait, of all accounts, after (account_id, call_ref), in this order."""
        p = pending_call_erasures.c
        query = select(pending_call_erasures).where(tuple_(p.account_id, p.call_ref) > after)
        rows = self._db.execute(query.order_by(p.account_id, p.call_ref).limit(limit)).mappings()
        return [PendingCall(**row) for row in rows]
