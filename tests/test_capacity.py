"""The capacity model: the page shows what the command prints, and the model does what it says of itself."""

import re
from pathlib import Path

import pytest

from bench.capacity import (
    CONNECTIONS,
    DAY,
    LIMITS,
    MONTHLY,
    demand,
    first_to_end,
    per_recording,
    read_costs,
    report,
    vaults,
)
from bench.cells import HIGH, LAST, Simulation, simulated

PAGE = Path(__file__).parents[1] / "docs" / "capacity.md"


def test_the_page_shows_what_the_command_prints():
    """After new costs, run `python -m bench capacity` and put its table on the page."""
    capacity, cells = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert capacity == report(read_costs())
    assert cells == simulated()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_cell_of_several_accounts_is_above_its_line(seed: int):
    """Each week, and every account has one place in a cell that is there."""
    simulation = Simulation(limit=1e9, accounts=1_000, seed=seed)
    weeks = simulation.run()
    assert max(week.fullest for week in weeks) <= HIGH
    assert {*simulation.places} <= {*range(simulation.cells)}
    assert simulation.loads().sum() == pytest.approx(LAST)
    assert weeks[-1].cells >= LAST / 1e9


def test_an_account_larger_than_a_cell_is_alone_in_it():
    """It cannot be divided, so it gets no neighbour and is not moved for ever."""
    simulation = Simulation(limit=1e8, accounts=50)
    weeks = simulation.run()
    alone = simulation.places[simulation.sizes.argmax()]
    assert weeks[-1].largest > 1
    assert (simulation.places == alone).sum() == 1


def test_what_moves_is_copied():
    """Weeks without a move copy nothing; others as much as those accounts have stored."""
    weeks = Simulation(limit=1e9, accounts=1_000).run()
    assert all((week.moved > 0) is (week.copied > 0) for week in weeks)
    assert any(week.moved for week in weeks)


def test_the_peak_hour_is_four_times_the_mean():
    """The day has 24 hours, whose mean is 1."""
    assert (len(DAY), round(sum(DAY), 6), max(DAY)) == (24, 24, 4)


def test_the_demand_is_that_of_the_measured_costs():
    """Requests of the peak second are its recordings times their requests, and a month's bytes those of all."""
    costs, found = read_costs(), demand(30 * 24 * 3600, read_costs())
    assert found.peak == pytest.approx(4)
    assert found.requests == pytest.approx(4 * per_recording(costs, "requests"))
    assert found.database_bytes == pytest.approx(30 * 24 * 3600 * per_recording(costs, "database_bytes"))


def test_cheaper_recordings_need_less():
    """Half the CPU of the worker is half the processes; nothing else changes."""
    costs = read_costs()
    cheaper = {row: one | {"worker ms": one["worker ms"] / 2} for row, one in costs.items()}
    before, after = demand(MONTHLY[-1], costs), demand(MONTHLY[-1], cheaper)
    assert after.workers == pytest.approx(before.workers / 2, abs=1)
    assert (after.servers, after.wal_bytes, after.events) == (before.servers, before.wal_bytes, before.events)


def test_what_ends_first_ends_at_the_number_that_is_printed():
    """There one limit is reached, no other is exceeded, and a little more needs a second vault."""
    costs = read_costs()
    limit, monthly = first_to_end(costs)
    there = demand(round(monthly), costs)
    assert there.of(limit) == pytest.approx(limit.most, rel=0.02)
    assert all(there.of(one) <= one.most * 1.02 for one in LIMITS)
    assert vaults(demand(round(monthly * 0.9), costs)) == 1
    assert vaults(demand(round(monthly * 1.1), costs)) == 2


def test_a_process_has_as_many_connections_as_the_page_says():
    """The limit of connections stands on a figure that others may change."""
    page = (PAGE.parent / "run-many-nodes.md").read_text()
    assert f"at most {CONNECTIONS} connections" in page


def test_a_small_vault_has_two_of_each_process():
    """One may be lost."""
    found = demand(1000, read_costs())
    assert (found.servers, found.workers, vaults(found)) == (2, 2, 1)
