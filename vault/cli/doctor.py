"""The command ``callvault doctor``: finds what makes the queues on PostgreSQL slow, and says how to end it."""

import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from vault import structured_log
from vault.database.sql.vacuum_horizon import Holder
from vault.settings import read_settings

if TYPE_CHECKING:
    from vault.database.engines.server_health import ServerHealth, TableHealth

#: Of a holder of which PostgreSQL does not say since when: some minutes of a busy vault.
_MANY_TRANSACTIONS: Final = 1_000_000
#: A table has many dead rows if it has at least so many, and more of them than half of the others.
_MANY_DEAD: Final = 10_000
_GIBIBYTE: Final = 1024**3
#: How to end what each kind of holder holds; with its name, as it is and within quotes of SQL.
_CURES: Final = {
    "session": "If it is a report, run it on a standby. To end it: SELECT pg_terminate_backend({0})",
    "dump": (
        "Let it end, and take the next dump from a standby, or pg_basebackup, which holds no snapshot. "
        "To end it: SELECT pg_terminate_backend({0})"
    ),
    "idle_transaction": (
        "To end it: SELECT pg_terminate_backend({0}). Set idle_in_transaction_session_timeout for its role, so that "
        "the next one ends by itself"
    ),
    "prepared_transaction": (
        "The vault prepares none: ask who does, and run COMMIT PREPARED '{1}' or ROLLBACK PREPARED '{1}' in this "
        "database"
    ),
    "slot": "If its standby or subscriber is gone for good: SELECT pg_drop_replication_slot('{1}')",
    "standby": (
        "A query there is as old, or it lags: end the query there, or set hot_standby_feedback = off there"
    ),
}


def doctor(
    *,
    minutes: Annotated[
        float, typer.Option(help="How long a snapshot may be held before it counts as trouble.", min=0)
    ] = 10.0,
) -> None:
    """Find what makes the queues on PostgreSQL slow: who keeps old versions of rows, and how to end it.

    A claim leaves an old version of a row, and reads over those that vacuum must keep because of a snapshot from
    before: of a session, a prepared transaction, a replication slot or a standby. Changes nothing. Exits with 1 if
    there is trouble.
    """
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    if settings.sqlite_path is not None:
        _say("ok", "SQLite: one process has the file, and no old versions of rows stay in its queues")
        return
    from vault.database.engines.server_health import read_server_health

    health = read_server_health(settings.database_url)
    _say("ok", f"PostgreSQL {health.version} answers as a primary")
    troubles = list(_troubles(health, timedelta(minutes=minutes)))
    for trouble in troubles:
        _say("TROUBLE", trouble)
    if not troubles:
        _say("ok", f"nobody has held a snapshot for {minutes:g} minutes, and vacuum keeps up")
    sys.exit(1 if troubles else 0)


def _troubles(health: "ServerHealth", most: timedelta) -> Iterator[str]:
    if not health.may_read_sessions:
        yield (
            f"the role {health.role} may not see the sessions of others, so what they hold is not known: as a "
            f'superuser run GRANT pg_monitor TO "{health.role}"'
        )
    for holder in health.holders:
        if _is_long(holder, most):
            yield f"{_who(holder)}. {_cure(holder)}"
    if not health.has_autovacuum:
        yield "autovacuum is off, so old versions of rows stay for ever: set autovacuum = on and reload the server"
    for table in health.tables:
        if not table.is_vacuumed:
            yield f"autovacuum is off for {table.name}: ALTER TABLE {table.name} RESET (autovacuum_enabled)"
        elif _has_many_dead(table):
            yield (
                f"{table.name} has {table.dead:,} old versions of {table.live:,} rows, and autovacuum "
                f"{_last(table)}. If nobody above holds them: VACUUM {table.name}, and more "
                "autovacuum_max_workers if it comes again"
            )


def _is_long(holder: Holder, most: timedelta) -> bool:
    if holder.held_for is not None:
        return holder.held_for >= most
    return (holder.kind == "slot" and not holder.is_in_use) or (
        holder.transactions or 0
    ) >= _MANY_TRANSACTIONS


def _has_many_dead(table: "TableHealth") -> bool:
    return table.dead >= _MANY_DEAD and table.dead * 2 > table.live


def _last(table: "TableHealth") -> str:
    at = table.vacuumed_at
    return "has never run on it" if at is None else f"ran on it last at {at:%Y-%m-%d %H:%M %Z}"


def _who(holder: Holder) -> str:
    """Name the holder, what it keeps, and since when."""
    kept = []
    if holder.transactions is not None:
        rows = "the catalog's old row versions" if holder.program == "logical" else "all old row versions"
        kept.append(f"{rows} of the last {holder.transactions:,} transactions")
    if holder.wal is not None and holder.wal >= _GIBIBYTE:
        kept.append(f"{holder.wal / _GIBIBYTE:.1f} GiB of WAL")
    since = "" if holder.held_for is None else f", for {_length(holder.held_for)}"
    return f"{_name(holder)} keeps {' and '.join(kept) or 'WAL'}{since}"


def _name(holder: Holder) -> str:
    name, role = _printable(holder.name), _printable(holder.role)
    program = _printable(holder.program) or "a program without a name"
    match holder.kind:
        case "session":
            return f"session {name} ({program}, role {role})"
        case "idle_transaction":
            return f"an open transaction that does nothing, in session {name} ({program}, role {role}),"
        case "prepared_transaction":
            return f'the prepared transaction "{name}" (role {role})'
        case "slot":
            use = "in use" if holder.is_in_use else "that nobody reads"
            return f'the {program} replication slot "{name}", {use},'
        case "standby":
            return f'the standby "{name}"'


def _cure(holder: Holder) -> str:
    kind: str = holder.kind
    if kind == "session" and holder.program.startswith("pg_dump"):
        kind = "dump"
    elif holder.is_in_use:
        kind = "standby"
    return _CURES[kind].format(holder.name, _printable(holder.name).replace("'", "''"))


def _printable(text: str) -> str:
    """Return a text that others chose without what a terminal would obey."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _length(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    if minutes < 1:
        return f"{time.total_seconds():.0f} s"
    hours, minutes = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h {minutes} min"


def _say(what: str, words: str) -> None:
    typer.echo(f"{what:<8} {words}")
