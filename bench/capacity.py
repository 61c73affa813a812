"""What a number of recordings a month takes: processes, database, object store, list prices; and what ends first.

``python -m bench capacity`` prints it; docs/capacity.md has the same text. It computes from ``bench/costs.json``, which
``python -m bench.cost --write bench/costs.json`` measures, from the day and the prices below, and from nothing else.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

COSTS: Final = Path(__file__).with_name("costs.json")
MONTHLY: Final = (2_000_000, 100_000_000, 1_000_000_000)
_DAYS, _HOUR, _MONTH_HOURS = 30, 3600, 730
#: Each hour's traffic, in parts of the mean hour: a working day whose peak is four times the mean.
DAY: Final = (
    0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 1.4, 3.0, 4.0, 3.2,
    1.8, 1.8, 2.6, 2.0, 1.4, 0.8, 0.4, 0.2, 0.1, 0.1, 0.05, 0.05,
)  # fmt: skip
#: For each recording: one call start, one webhook, and a play of ten ranges for one in ten.
CALL_STARTS, PLAYS = 1.0, 0.1
#: Bytes of a recording's audio, as in the row ``webhook``, and of its object's header and tags.
AUDIO_BYTES: Final = 544_000 + 714
MANIFEST_BYTES: Final = 13_000
#: How busy a core may be in the peak hour: the rest is for bursts within it, and for a node that is lost.
BUSY: Final = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one vault can take of something, and why."""

    what: str
    most: float
    unit: str
    why: str


#: Of one vault, whose database has one primary and whose log has one sequencer.
LIMITS: Final = (
    Limit(what="log", most=39_900, unit="events/s", why="the tree alone, `python -m bench sequencer`"),
    Limit(what="database cores", most=64 * BUSY, unit="cores", why="64 cores, 60 % busy"),
    Limit(what="connections", most=5_000, unit="connections", why="35 for each process, 5,000 in all"),
)
#: As docs/run-many-nodes.md has it.
CONNECTIONS: Final = 35


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """List prices of AWS in us-east-1, in dollars, November 2025."""

    #: Fargate: 1 core and 2 GB for an hour.
    core_hour: float = 0.04048 + 2 * 0.004445
    #: RDS for PostgreSQL, two zones, r7g: a core for an hour; gp3: a GB for a month.
    database_core_hour: float = 0.239
    database_gb: float = 0.23
    #: S3 Standard: a GB for a month; 1,000 PUT, POST or LIST; 1,000 GET.
    stored_gb: float = 0.023
    thousand_puts: float = 0.005
    thousand_gets: float = 0.0004


PRICES: Final = Prices()
Costs = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What some recordings a month take of one vault; rates are those of the peak hour, by the second."""

    monthly: int
    peak: float
    servers: int
    workers: int
    database_cores: float
    statements: float
    transactions: float
    wal_bytes: float
    fsyncs: float
    requests: float
    events: float
    #: More in each month.
    database_bytes: float
    stored_bytes: float
    #: Dollars for the first month; what is stored costs the same again in each later one.
    dollars: Mapping[str, float]

    @property
    def processes(self) -> int:
        """Return servers and workers."""
        return self.servers + self.workers

    def of(self, limit: Limit) -> float:
        """Return how much it takes of what a vault has one of."""
        return {
            "log": self.events,
            "database cores": self.database_cores,
            "connections": self.processes * CONNECTIONS,
        }[limit.what]


def read_costs(path: Path = COSTS) -> Costs:
    """Return the measured costs, by row."""
    costs: Costs = json.loads(path.read_text(encoding="utf-8"))
    return costs


def per_recording(costs: Costs, what: str) -> float:
    """Return what a recording takes with its call start and its plays."""
    return costs["webhook"][what] + CALL_STARTS * costs["call-start"][what] + PLAYS * costs["play"][what]


def demand(monthly: int, costs: Costs) -> Demand:
    """Simulate a day and return what its peak hour and its month take."""
    hours = [monthly / _DAYS / len(DAY) * weight for weight in DAY]
    peak = max(hours) / _HOUR
    cores = {
        one: peak * per_recording(costs, f"{one} ms") / 1000 for one in ("serve", "worker", "PostgreSQL")
    }
    # Two of each, so that one may be lost.
    servers, workers = (max(2, math.ceil(cores[one] / BUSY)) for one in ("serve", "worker"))
    month = sum(hours) * _DAYS
    idle = costs["idle"]["PostgreSQL ms"] / 1000 * workers
    found = Demand(
        monthly=monthly,
        peak=peak,
        servers=servers,
        workers=workers,
        database_cores=cores["PostgreSQL"] + idle,
        **{
            what: peak * per_recording(costs, what)
            for what in ("statements", "transactions", "wal_bytes", "fsyncs", "requests", "events")
        },
        database_bytes=month * per_recording(costs, "database_bytes"),
        stored_bytes=month * (AUDIO_BYTES + MANIFEST_BYTES),
        dollars={},
    )
    return replace(found, dollars=_dollars(found, month, costs))


def _dollars(found: Demand, month: float, costs: Costs) -> Mapping[str, float]:
    puts = per_recording(costs, "puts")
    gets = per_recording(costs, "requests") - puts
    return {
        "processes": found.processes * _MONTH_HOURS * PRICES.core_hour,
        "database": math.ceil(found.database_cores / BUSY) * _MONTH_HOURS * PRICES.database_core_hour
        + found.database_bytes / 1e9 * PRICES.database_gb,
        "requests": month / 1000 * (puts * PRICES.thousand_puts + gets * PRICES.thousand_gets),
        "storage": found.stored_bytes / 1e9 * PRICES.stored_gb,
    }


def first_to_end(costs: Costs) -> tuple[Limit, float]:
    """Return the limit that is reached first, and at how many recordings a month."""
    # Small numbers are rounded up to whole processes, so the share is taken of a large one.
    large = demand(MONTHLY[-1], costs)
    limit = max(LIMITS, key=lambda one: large.of(one) / one.most)
    return limit, large.monthly * limit.most / large.of(limit)


def vaults(found: Demand) -> int:
    """Return how many vaults side by side this takes."""
    return max(math.ceil(found.of(limit) / limit.most) for limit in LIMITS)


def rows(found: Sequence[Demand]) -> list[tuple[str, list[str]]]:
    """Return the table: what, and for each demand how much."""
    return [
        ("recordings a month", [f"{one.monthly:,}" for one in found]),
        ("recordings/s in the peak hour", [f"{one.peak:,.1f}" for one in found]),
        ("processes: serve", [f"{one.servers:,}" for one in found]),
        ("processes: worker", [f"{one.workers:,}" for one in found]),
        ("database cores, busy", [f"{one.database_cores:,.1f}" for one in found]),
        ("statements/s", [f"{one.statements:,.0f}" for one in found]),
        ("transactions/s", [f"{one.transactions:,.0f}" for one in found]),
        ("WAL, MB/s", [f"{one.wal_bytes / 1e6:,.1f}" for one in found]),
        ("WAL, fsyncs/s", [f"{one.fsyncs:,.0f}" for one in found]),
        ("S3 requests/s", [f"{one.requests:,.0f}" for one in found]),
        ("access events/s", [f"{one.events:,.0f}" for one in found]),
        ("database, GB more a month", [f"{one.database_bytes / 1e9:,.0f}" for one in found]),
        ("S3, TB more a month", [f"{one.stored_bytes / 1e12:,.1f}" for one in found]),
        *(
            (f"{what}, $ a month", [f"{one.dollars[what]:,.0f}" for one in found])
            for what in ("processes", "database", "requests", "storage")
        ),
        ("vaults side by side", [f"{vaults(one):,}" for one in found]),
    ]


def report(costs: Costs) -> str:
    """Return what the command prints and the page shows."""
    found = [demand(monthly, costs) for monthly in MONTHLY]
    lines = [f"{what:<31}" + "".join(f"{value:>16}" for value in values) for what, values in rows(found)]
    lines.append("")
    for limit in LIMITS:
        taken = ", ".join(f"{one.of(limit) / limit.most:.1%}" for one in found)
        lines.append(f"{limit.what}: at most {limit.most:,.0f} {limit.unit} ({limit.why}); taken: {taken}")
    limit, monthly = first_to_end(costs)
    lines.append(f"ends first: {limit.what}, at {monthly / 1e6:,.0f} million recordings a month in one vault")
    return "\n".join(lines) + "\n"


def capacity() -> None:
    """Print what 2 million, 100 million and a billion recordings a month take."""
    print("computed from bench/costs.json; peak hour four times the mean, cores 60 % busy")
    print(report(read_costs()), end="", flush=True)
