"""Accounts placed, grown and moved among cells for three years: ``python -m bench cells``, with a seed ``bench.cells``.

A cell is one vault: one database with one primary, one object store prefix, one root key, one log. Sizes of accounts
follow Zipf's law; all grow together from 100 million to 10 billion recordings a month, each by its own chance besides,
and some leave while others come. A new account goes to the emptiest cell. Each week a cell above its line gives
accounts to the emptiest cells with room, or to a new one. The same seed prints the same table. docs/capacity.md has it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.capacity import AUDIO_BYTES, MANIFEST_BYTES, demand, first_to_end, read_costs

SEED: Final = 38
ACCOUNTS: Final = 10_000
WEEKS: Final = 156
#: Recordings a month of all accounts together, at the beginning and at the end.
FIRST: Final = 100e6
LAST: Final = 10e9
#: Of a cell's limit: where accounts leave it, and down to where.
HIGH: Final = 0.8
LOW: Final = 0.75
#: Each week an account's size is multiplied by e to the power of a normal number with this deviation.
_CHANCE: Final = 0.05
#: Accounts that leave in a week, of all.
_LEAVE: Final = 0.002
#: Weeks that a recording is kept, so that a move copies what came in since.
_KEPT: Final = 26
_WEEKS_A_MONTH: Final = 52 / 12
_YEAR: Final = 52
Sizes = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One week of the simulation; sizes in recordings a month."""

    total: float
    cells: int
    #: The fullest cell with more than one account, of its limit.
    fullest: float
    #: The largest account, of a cell's limit.
    largest: float
    moved: int
    #: Bytes of audio and manifests that the moves copy.
    copied: float


@dataclass(slots=True)
class Simulation:
    """Accounts with their sizes, places, and what each has stored."""

    #: Recordings a month that one cell can take.
    limit: float
    accounts: int = ACCOUNTS
    seed: int = SEED
    sizes: Sizes = field(init=False)
    places: Places = field(init=False)
    #: Recordings that each account has.
    stored: Sizes = field(init=False)
    cells: int = field(default=1, init=False)
    _random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        """Place the accounts, the largest first."""
        self._random = np.random.default_rng(self.seed)
        zipf = 1 / np.arange(1, self.accounts + 1)
        self.sizes = zipf / zipf.sum() * FIRST
        self.stored = self.sizes / _WEEKS_A_MONTH * _KEPT
        self.places = np.zeros(self.accounts, dtype=np.int64)
        self.cells = max(1, int(np.ceil(FIRST / (LOW * self.limit))))
        loads = np.zeros(self.cells)
        for account in range(self.accounts):
            self.places[account] = int(loads.argmin())
            loads[self.places[account]] += self.sizes[account]

    def run(self, weeks: int = WEEKS) -> list[Week]:
        """Return what each week was."""
        return [self._week(FIRST * (LAST / FIRST) ** ((week + 1) / weeks)) for week in range(weeks)]

    def loads(self) -> Sizes:
        """Return the recordings a month of each cell."""
        return np.bincount(self.places, weights=self.sizes, minlength=self.cells)

    def _week(self, total: float) -> Week:
        self.sizes *= np.exp(self._random.normal(0, _CHANCE, self.accounts))
        self._exchange()
        self.sizes *= total / self.sizes.sum()
        self.stored += self.sizes / _WEEKS_A_MONTH - self.stored / _KEPT
        moved = [account for cell in range(self.cells) for account in self._relieve(cell)]
        loads, alone = self.loads(), np.bincount(self.places, minlength=self.cells) == 1
        return Week(
            total=total,
            cells=self.cells,
            fullest=float(loads[~alone].max(initial=0) / self.limit),
            largest=float(self.sizes.max() / self.limit),
            moved=len(moved),
            copied=float(self.stored[moved].sum()) * (AUDIO_BYTES + MANIFEST_BYTES),
        )

    def _exchange(self) -> None:
        """Let some accounts leave; as many come, of the size of the median, each into the emptiest cell."""
        loads = self.loads()
        for account in np.flatnonzero(self._random.random(self.accounts) < _LEAVE):
            loads[self.places[account]] -= self.sizes[account]
            self.sizes[account], self.stored[account] = float(np.median(self.sizes)), 0.0
            self.places[account] = int(loads.argmin())
            loads[self.places[account]] += self.sizes[account]

    def _relieve(self, cell: int) -> Sequence[int]:
        """Move accounts out of a cell above its line, the smallest that is enough or else the largest; return them."""
        moved = list[int]()
        load = float(self.sizes[self.places == cell].sum())
        while load > (HIGH if not moved else LOW) * self.limit:
            inside = np.flatnonzero(self.places == cell)
            if len(inside) == 1:
                break
            excess = load - LOW * self.limit
            enough = inside[self.sizes[inside] >= excess]
            account = int(
                enough[self.sizes[enough].argmin()] if len(enough) else inside[self.sizes[inside].argmax()]
            )
            self._move(account)
            moved.append(account)
            load -= float(self.sizes[account])
        return moved

    def _move(self, account: int) -> None:
        loads = self.loads()
        target = int(loads.argmin())
        if loads[target] + self.sizes[account] > LOW * self.limit and loads[target] > 0:
            target, self.cells = self.cells, self.cells + 1
        self.places[account] = target


def report(weeks: Sequence[Week], costs_of_cells: Sequence[float]) -> str:
    """Return the table: each year by its last week, its moves by the week, and its worst week."""
    years = [weeks[first : first + _YEAR] for first in range(0, len(weeks), _YEAR)]
    ends = [year[-1] for year in years]
    rows = [
        ("end of year", [str(number) for number, _ in enumerate(years, start=1)]),
        ("recordings a month, millions", [f"{end.total / 1e6:,.0f}" for end in ends]),
        ("cells", [f"{end.cells:,}" for end in ends]),
        ("a cell, $ a month without storage", [f"{cost:,.0f}" for cost in costs_of_cells]),
        ("fullest cell of several accounts", [f"{max(one.fullest for one in year):.0%}" for year in years]),
        ("largest account, of a cell", [f"{max(one.largest for one in year):.0%}" for year in years]),
        ("moves a week, mean", [f"{sum(one.moved for one in year) / len(year):.1f}" for year in years]),
        ("moves in the worst week", [f"{max(one.moved for one in year):,}" for year in years]),
        (
            "copied in the worst week, TB",
            [f"{max(one.copied for one in year) / 1e12:,.0f}" for year in years],
        ),
    ]
    return "".join(
        f"{what:<36}" + "".join(f"{value:>12}" for value in values) + "\n" for what, values in rows
    )


def simulated(*, accounts: int = ACCOUNTS, seed: int = SEED) -> str:
    """Run the simulation and return its table."""
    costs = read_costs()
    _, limit = first_to_end(costs)
    weeks = Simulation(limit=limit, accounts=accounts, seed=seed).run()
    ends = [weeks[at] for at in range(_YEAR - 1, len(weeks), _YEAR)]
    dollars = [demand(round(end.total / end.cells), costs).dollars for end in ends]
    return report(weeks, [one["processes"] + one["database"] + one["requests"] for one in dollars])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.cells", description=__doc__)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args(arguments)
    print(f"{asked.accounts:,} accounts for {WEEKS} weeks, seed {asked.seed}")
    print(simulated(accounts=asked.accounts, seed=asked.seed), end="", flush=True)


if __name__ == "__main__":
    main()
