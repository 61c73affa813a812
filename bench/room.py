"""``python -m bench room``: the bytes that a recording takes in PostgreSQL, by table and by column.

Recordings of 17 seconds (545 KB) with numbers come by webhooks until all are available, twice as many as are counted:
the second half uses again the room that the first half's older row versions left after VACUUM, as in a vault that has
run for a while. The growth of each table in the second half, with its indexes and TOAST, is divided by its number;
beside it stands what each recording takes after VACUUM FULL, which leaves no room at all.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg

from bench.cost import announce_and_wait, noise, open_stage
from bench.counted_servers import fleet
from bench.machine import describe_machine
from tests.servers.media_thread import media_thread

_NUMBER: Final = 400
_SECONDS: Final = 17
_SIZES: Final = """
SELECT relname, pg_total_relation_size(oid), pg_indexes_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
#: Tables and columns below these bytes per recording are summed up.
_SMALL: Final = 20


def room() -> None:
    """Measure on PostgreSQL 17 and the Ceph gateway."""
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="callvault-room-") as name, media_thread() as media:
        url = media.serve("/call.wav", noise(_SECONDS))
        with fleet(Path(name), media.authority) as servers, open_stage(servers, media) as stage:
            if servers.database_url is None:
                raise RuntimeError("The fleet has a database of its own.")
            with psycopg.connect(servers.database_url, autocommit=True) as connection:
                empty = _sizes(connection, full=True)
                announce_and_wait(stage, url, _NUMBER, parties=True)
                first = _sizes(connection, full=False)
                announce_and_wait(stage, url, _NUMBER, parties=True)
                second, net = _sizes(connection, full=False), _sizes(connection, full=True)
                _print_tables(empty, first, second, net)
                _print_columns(connection)


def _sizes(connection: psycopg.Connection, *, full: bool) -> Mapping[str, tuple[int, int]]:
    """Return the bytes of each table, and those of its indexes."""
    connection.execute("VACUUM FULL" if full else "VACUUM")
    return {name: (total, indexes) for name, total, indexes in connection.execute(_SIZES)}


def _print_tables(*sizes: Mapping[str, tuple[int, int]]) -> None:
    empty, first, second, net = sizes
    print(f"{'bytes per recording':<24}{'growth':>14}{'vacuumed full':>15}{'its indexes':>13}")
    rows = []
    for name in empty:
        growth = (second[name][0] - first[name][0]) / _NUMBER
        full, indexes = ((net[name][place] - empty[name][place]) / (2 * _NUMBER) for place in (0, 1))
        rows.append((full, growth, indexes, name))
    for full, real, indexes, name in sorted(rows, reverse=True):
        if max(full, real) >= _SMALL:
            print(f"{name:<24}{real:>14.0f}{full:>15.0f}{indexes:>13.0f}")
    totals = [sum(row[place] for row in rows) for place in (1, 0, 2)]
    print(f"{'all tables':<24}{totals[0]:>14.0f}{totals[1]:>15.0f}{totals[2]:>13.0f}")


def _print_columns(connection: psycopg.Connection) -> None:
    """Print the stored bytes of the columns of the table of recordings."""
    columns = [
        name
        for (name,) in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'recordings'::regclass AND attnum > 0"
        )
    ]
    sums = ", ".join(f'coalesce(avg(pg_column_size("{name}")), 0)::float' for name in columns)
    row = connection.execute(f"SELECT {sums} FROM recordings").fetchone()  # noqa: S608 - names of our own columns
    if row is None:
        raise RuntimeError("An aggregate has one row.")
    found = sorted(zip(row, columns, strict=True), reverse=True)
    large = [f"{name} {size:.0f}" for size, name in found if size >= _SMALL]
    rest = sum(size for size, _ in found if size < _SMALL)
    print(f"columns of recordings: {', '.join(large)}, all others {rest:.0f}")
