"""When work of each kind is due, by one statement for all kinds: the slow poll of a worker.

Workers are woken by signals (``vault/database/signals.py``). This finds what no signal announces: rows that become due
by time, leases that expire, and work whose signal was lost. It may name work too early, never too late: the task
checks again.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Final

from sqlalchemy import String, TextClause, bindparam, text

from vault.database.schema.core import IS_WORK, micros
from vault.database.signals import Work
from vault.database.sql.dialect import POSTGRESQL_NOW, database_now, is_postgresql
from vault.database.sql.lease_tokens import SEPARATOR
from vault.database.stores.backup.object_store import REWRITE_MARK
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import State
from vault.domain.recordings.transitions import CLAIM
from vault.domain.requests.request import RequestState
from vault.domain.stored.tombstone import FINAL

#: Due while leases name their holders, which may be gone.
LEASE_HOLDERS: Final = "lease_holders"
_NOW: Final = "now"
_SECOND: Final = 1_000_000
_FINAL: Final = ", ".join(f"'{state}'" for state in FINAL)


class SilentWork(StrEnum):
    """The kinds of work that no signal announces; the values are the label ``work`` of metrics."""

    END_SESSIONS = "end_sessions"
    PUBLISH_EVENTS = "publish_events"
    FOLLOW_LOG = "follow_log"


class DueWorkRows(Rows):
    """When work is due, in one transaction."""

    def seconds(self, jobs: Sequence[str]) -> Mapping[str, float]:
        """Return for each kind of work that exists the seconds until it is due; not positive if it is due now.

        ``sign``, ``publish`` and ``end_sessions`` count from what their intervals follow: the last checkpoint, the last
        publication, the end of a session. Work of a singleton job is not due before its lease ends; of ``jobs`` with
        no other sign of work, that is when they are due.
        """
        on_postgresql = is_postgresql(self._db)
        values = {} if on_postgresql else {_NOW: micros(database_now(self._db))}
        rows = self._db.execute(_statement(on_postgresql=on_postgresql), values | {"jobs": list(jobs)})
        work: dict[str, int] = {}
        leases: dict[str, int] = {}
        for is_lease, name, at in rows:
            if at is not None:
                (leases if is_lease else work)[name] = at
        now = work.pop(_NOW)
        due = {name: max(at, leases.get(name, at)) for name, at in work.items()}
        due |= {job: leases.get(job, now) for job in jobs if job not in _parts(on_postgresql=on_postgresql)}
        return {name: (at - now) / _SECOND for name, at in due.items()}


@cache
def _statement(*, on_postgresql: bool) -> TextClause:
    rows = [
        f"SELECT 0 AS is_lease, '{work}' AS work, ({query}) AS at"
        for work, query in _parts(on_postgresql=on_postgresql).items()
    ]
    jobs = "SELECT 1, name, until FROM turns WHERE name IN :jobs"
    return text("\nUNION ALL ".join([*rows, jobs])).bindparams(
        bindparam("jobs", type_=String(), expanding=True)
    )


@cache
def _parts(*, on_postgresql: bool) -> Mapping[str, str]:
    """Return for each kind of work the query for the time in microseconds at which it is due, or NULL.

    Raises LookupError for a kind without a query: a fault of this release.
    """
    parts = {
        **_claims(),
        **_marks(),
        **_log(),
        Work.RECONCILE: "SELECT min(reconcile_not_before) FROM connections",
        Work.PAUSE_RECORDINGS: "SELECT min(not_before) FROM pauses",
        Work.RECORDING_PAUSES: "SELECT min(not_before) FROM recording_pauses",
        Work.CARD_DATA: "SELECT min(not_before) FROM card_data_back_fills",
        Work.REQUESTS: (
            "SELECT min(at) FROM (SELECT coalesce(next_try_at, 0) AS at FROM person_requests"  # noqa: S608 - our own states
            f" WHERE closed_at IS NULL AND state = '{RequestState.EXECUTING}' UNION ALL"
            " SELECT CASE WHEN next_try_at > due_at THEN next_try_at ELSE due_at END"
            f" FROM person_requests WHERE closed_at IS NULL AND state = '{RequestState.REVIEW}' AND kind = 'closure'"
            ") requests"
        ),
        Work.SEND_CALLBACKS: "SELECT min(next_try_at) FROM request_deliveries",
        Work.OUTBOX: (
            "SELECT min(at) FROM (SELECT 0 AS at WHERE EXISTS (SELECT 1 FROM outbox_messages WHERE is_new)"
            " UNION ALL SELECT min(next_at) FROM outbox_destinations) outbox"
        ),
        # While nobody receives events, the log is not read.
        SilentWork.PUBLISH_EVENTS: (
            "SELECT 0 WHERE EXISTS (SELECT 1 FROM event_endpoints) OR EXISTS (SELECT 1 FROM event_polls)"
        ),
        SilentWork.FOLLOW_LOG: "SELECT 0 WHERE EXISTS (SELECT 1 FROM integrations WHERE state IN ('active', 'paused'))",
        SilentWork.END_SESSIONS: "SELECT min(ends_at) FROM unsettled_sessions",
        _NOW: f"SELECT {POSTGRESQL_NOW if on_postgresql else ':now'}",
    }
    if without := sorted({*Work, *SilentWork} - parts.keys()):
        raise LookupError(f"Nothing says when this work is due: {', '.join(without)}.")
    return parts


def _claims() -> dict[str, str]:
    """Return the due times of rows that workers claim."""
    announced = "sealed_announcement IS NOT NULL"
    states = f"'{State.AVAILABLE}', '{State.ERASING}', '{State.ERASED}'"
    # Of a holder that its token names.
    leased, held = (f"{column} LIKE '%{SEPARATOR}%'" for column in ("lease_token", "token"))
    return {
        Work.INGEST: _earliest(CLAIM.sources, f" AND {announced}"),
        Work.DESCRIBE: _earliest([State.STORED]),
        Work.REMOVE_ERASED: _earliest([State.ERASING]),
        Work.DELETE_AT_SOURCE: (
            "SELECT source_not_before FROM recordings"  # noqa: S608 - our own names and states
            " WHERE source_policy <> 'keep' AND source_deleted_at IS NULL AND ("
            f"state IN ({states}) AND source_policy IN ('stored', 'always')"
            f" OR state = '{State.REFUSED}' AND source_policy IN ('refused', 'always'))"
            " ORDER BY source_not_before LIMIT 1"
        ),
        LEASE_HOLDERS: (
            f"SELECT 0 WHERE EXISTS (SELECT 1 FROM recordings WHERE lease_until IS NOT NULL AND {leased})"  # noqa: S608
            f" OR EXISTS (SELECT 1 FROM turns WHERE {held})"
        ),
    }


def _earliest(states: Iterable[State], condition: str = "") -> str:
    """Select the earliest time at which a row in one of the states can be claimed."""
    names = ", ".join(f"'{state}'" for state in sorted(states))
    free = " UNION ALL ".join(
        f"SELECT * FROM (SELECT not_before AS at FROM recordings WHERE state = '{state}' AND {IS_WORK}"  # noqa: S608 - our own names and states
        f" AND lease_until IS NULL{condition} ORDER BY not_before LIMIT 1) {state}"
        for state in sorted(states)
    )
    held = f"SELECT min(lease_until) FROM recordings WHERE lease_until IS NOT NULL AND state IN ({names}){condition}"  # noqa: S608 - see above
    return f"SELECT min(at) FROM ({free} UNION ALL {held}) ready"  # noqa: S608 - see above


def _marks() -> dict[str, str]:
    """Return 0, which is now, for work that rows are marked with."""
    queries = {
        Work.MANIFESTS: f"SELECT 1 FROM recordings WHERE manifest_due AND state = '{State.AVAILABLE}'",  # noqa: S608 - our own names
        Work.TOMBSTONES: f"SELECT 1 FROM recordings WHERE manifest_due AND state IN ({_FINAL})",  # noqa: S608 - see above
        Work.ACCOUNT_OBJECTS: "SELECT 1 FROM accounts WHERE revision <> written_revision",
        Work.REWRAP: "SELECT 1 FROM key_rotations WHERE destroyed_at IS NULL",
        Work.REWRITE_STORE: f"SELECT 1 FROM vault_metadata WHERE name = '{REWRITE_MARK}'",  # noqa: S608 - see above
        Work.SEQUENCE: "SELECT 1 FROM event_outbox",
    }
    marks: dict[str, str] = {str(work): f"SELECT 0 WHERE EXISTS ({query})" for work, query in queries.items()}
    marks[Work.CLOSING_ACTS] = (
        "SELECT min(at) FROM (SELECT min(at) AS at FROM closing_acts WHERE NOT stored AND act IS NOT NULL"
        " UNION ALL SELECT 0 WHERE EXISTS (SELECT 1 FROM closing_acts WHERE stored AND NOT settled)) acts"
    )
    return marks


def _log() -> dict[str, str]:
    """Return the due times of signing and publishing the log, without their intervals."""
    last = "(SELECT size, at FROM checkpoints WHERE anchored_at IS NOT NULL ORDER BY size DESC LIMIT 1)"
    return {
        Work.SIGN: (
            f"SELECT coalesce(c.at, 0) FROM tree_head h"  # noqa: S608 - see above
            f" LEFT JOIN {last} c ON true WHERE h.size > coalesce(c.size, 0)"
        ),
        Work.PUBLISH: (
            f"SELECT coalesce(p.published_at, 0) FROM publication u JOIN {last} c ON c.size > u.size"  # noqa: S608 - see above
            " LEFT JOIN checkpoints p ON p.size = u.size"
        ),
    }
