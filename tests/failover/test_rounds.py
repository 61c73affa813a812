"""The rounds, held to their aims: what was answered with 2xx stands, and two histories are never both shown.

``python -m tests.failover`` prints the same tables one by one. Timed figures are printed and not asserted.
"""

import os

import pytest

from tests.failover import (
    exchanges,
    rounds_bucket,
    rounds_exchange,
    rounds_failover,
    rounds_file,
    rounds_primaries,
    rounds_settings,
    rounds_sqlite,
    rounds_stall,
)
from tests.failover.figures import Table
from tests.support.counts import count

pytestmark = [pytest.mark.faults, pytest.mark.postgresql, pytest.mark.timeout(3600)]
#: What takes minutes and is the same each time.
_FULL = pytest.mark.skipif(
    os.environ.get("CALLVAULT_FAULTS") != "1", reason="takes minutes: `make faults` runs it"
)
_LAGS = [
    (1.5, False),
    (0.5, False),
    (2.0, False),
    (3.0, False),
    (2.0, True),
    (3.0, True),
    (40.0, False),
    (40.0, True),
]
#: The ways to exchange a database; the first ones were not noticed once.
_FIRST = ["new-database", "clean", "renamed", "standby", "schema", "template", "new-server"]
_FILES = [
    (2.0, True, True),
    *[(ago, kill, acts) for ago in (0.5, 10.0, 60.0) for kill in (True, False) for acts in (True, False)],
    (2.0, False, True), (2.0, True, False), (2.0, False, False),
]  # fmt: skip


def hold(table: Table) -> None:
    """Print a round's table, and fail where an aim is not met."""
    print(table)
    assert table.broken_at_any_pace == [], str(table)


def test_a_standby_that_is_behind_is_promoted() -> None:
    """Nothing that was closed is open, nothing is answered from the older database, and restore brings back."""
    for lag, quiet in _LAGS[: count("rounds, standby behind", small=1, full=len(_LAGS))]:
        hold(rounds_failover.asynchronous(lag=lag, quiet=quiet, seconds=3, after=3, subjects=6))


def test_a_synchronous_standby_is_promoted() -> None:
    """Nothing is lost, with a list of hosts and behind haproxy, and no alarm is raised."""
    for number in range(count("rounds, standby synchronous", small=1, full=20)):
        proxied = number % 2 == 1
        hold(rounds_failover.synchronous(haproxy=proxied, seconds=3, after=6 if proxied else 3, subjects=6))


def test_an_older_file_is_put_back() -> None:
    """It is seen at start, unless what it lacks was neither shown nor closed nor older than two seconds."""
    for ago, kill, acts in _FILES[: count("rounds, SQLite file put back", small=1, full=len(_FILES))]:
        hold(rounds_sqlite.put_back(ago=ago, kill=kill, acts=acts, seconds=3, subjects=6))


def test_the_database_is_exchanged() -> None:
    """No node serves, accepts or denies anything from it, and what was closed is closed after the restore."""
    ways = sorted(exchanges.WAYS, key=_FIRST.index)
    for way in ways[: count("rounds, database exchanged", small=1, full=len(ways))]:
        hold(rounds_exchange.exchanged(way))


def test_the_file_is_replaced() -> None:
    """As for a database; the server is started again, because it cannot go on with another file."""
    ways = sorted(rounds_file.FILE_WAYS)
    for way in ways[: count("rounds, SQLite file replaced", small=1, full=len(ways))]:
        hold(rounds_file.exchanged_file(way))


@_FULL
def test_the_role_waits_for_no_standby() -> None:
    """synchronous_commit = local on the role costs nothing: the vault sets it on for itself."""
    hold(rounds_failover.synchronous(local=True, lag=2.0))


@_FULL
@pytest.mark.parametrize("keep_new", [True, False])
def test_two_primaries(keep_new: bool) -> None:
    """One of two nodes stops, nothing is shown twice, and what either closed is closed afterwards."""
    hold(rounds_primaries.two_primaries(keep_new=keep_new))


@_FULL
def test_a_synchronous_standby_stands_still() -> None:
    """Every request ends before it goes on, and so does the node that is told to."""
    hold(rounds_stall.standby_stopped(seconds=40))


@_FULL
def test_commits_that_wait_are_cancelled() -> None:
    """None of them is answered with 2xx."""
    hold(rounds_stall.cancelled())


@_FULL
def test_settings_that_break_durability() -> None:
    """Each is refused with a sentence, or corrected."""
    for table in rounds_settings.every():
        hold(table)


@_FULL
def test_the_database_and_its_backups_are_lost() -> None:
    """What was closed is closed in a database that is made from the object store alone."""
    hold(rounds_sqlite.lose())


@_FULL
def test_the_object_store_goes_back() -> None:
    """It is said, what is missing is missing, and all that the database holds is written again."""
    hold(rounds_bucket.put_back(ago=75))
