"""Turns the recording switch off and on under load, and says whether its promise was kept.

The promise is checked in two ways. From outside: once ``off`` has returned, the recordings that are
available stay those that were. And by the database's own clock, which sees what happened between the
commit and the answer: every available recording entered while the switch was on, and in the same
epoch in which it was received.
"""

import contextlib
import http.client
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count as numbers
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.rows import dict_row

from tests.faults.promises import wrong_entry
from tests.support.raw_client import Client
from tests.support.telephone_audio import wav

#: 25 ms: the shorter a call, the sooner after ``on`` one can be let in again.
_AUDIO = wav(844, 1)
_UPLOADERS = _DELIVERERS = 3
#: Seconds between two of one writer's requests: a backlog would leave nothing at the gate but the oldest.
_BREATH = 0.12
#: Seconds after which a cycle goes on although nothing got in.
_PATIENCE = 20.0

Rows = list[dict[str, Any]]
#: Answers a query with its rows.
Look = Callable[[str], Rows]


def looking_at(database: Path | str) -> Look:
    """Return what looks into a database file, or a PostgreSQL database by its URL."""

    def sqlite(query: str) -> Rows:
        with contextlib.closing(
            sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
        ) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]

    def postgresql(query: str) -> Rows:
        with psycopg.connect(str(database), row_factory=dict_row) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    return sqlite if isinstance(database, Path) else postgresql


@dataclass(kw_only=True)
class Findings:
    """What a run found."""

    cycles: int = 0
    #: What broke the promise; empty where it was kept.
    violations: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    #: Recordings that stood available when it was last switched off, and how long ``off`` took at most.
    available: int = 0
    slowest_off: float = 0.0


class _Writers:
    """Upload and deliver without pause, until the end of the block."""

    def __init__(self, nodes: Sequence[Client], url: str, answers: Counter[str]) -> None:
        self.nodes, self.url, self.answers = nodes, url, answers
        self._numbers, self._stop, self._lock = numbers(), threading.Event(), threading.Lock()
        work = [self._upload] * _UPLOADERS + [self._deliver] * _DELIVERERS
        self._threads = [threading.Thread(target=self._repeat, args=(one,)) for one in work]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _repeat(self, once: Callable[[Client, str], str]) -> None:
        while not self._stop.is_set():
            number = next(self._numbers)
            try:
                said = once(self.nodes[number % len(self.nodes)], f"call-{number}")
            except (OSError, http.client.HTTPException) as error:
                said = type(error).__name__
            with self._lock:
                self.answers[said] += 1
            self._stop.wait(_BREATH)

    @staticmethod
    def _upload(node: Client, ref: str) -> str:
        return f"upload {node.put(ref, _AUDIO, len(_AUDIO)).status}"

    def _deliver(self, node: Client, ref: str) -> str:
        return f"webhook {node.announce(ref, self.url).status}"


def check_switch(
    nodes: Sequence[Client],
    look: Look,
    url: str,
    cycles: int,
    *,
    enough: Callable[[Findings], bool] = lambda _: True,
) -> Findings:
    """Run so many off-and-on cycles under six writers; ``url`` serves ``audio()`` to the vault.

    It is switched on the first node, and written to each. Runs more cycles, ten times as many at most,
    until what was found is ``enough``.
    """
    client, found, chance = nodes[0], Findings(), random.Random(cycles)  # noqa: S311 - the same again
    with _Writers(nodes, url, found.answers):
        while found.cycles < cycles or not (enough(found) or found.cycles == 10 * cycles):
            _wait_for_an_entry(look)
            time.sleep(chance.uniform(0.0, 0.6))
            _cycle(client, look, found, dwell=chance.choice((0.0, 0.0, 0.05, 0.3)))
        _wait_for_an_entry(look)
        client.switch(enabled=False)
    time.sleep(0.5)
    _check_history(look, found)
    found.states.update(row["state"] for row in look("SELECT state FROM recordings"))
    return found


def audio() -> bytes:
    """Return what the announced URL has to serve."""
    return _AUDIO


def _wait_for_an_entry(look: Look) -> None:
    """Wait until a recording gets in, so that each cycle is a race however slow the machine is."""
    before, until = len(_available(look)), time.monotonic() + _PATIENCE
    while len(_available(look)) == before and time.monotonic() < until:
        time.sleep(0.02)


def _cycle(client: Client, look: Look, found: Findings, *, dwell: float) -> None:
    begun = time.monotonic()
    client.switch(enabled=False)
    found.slowest_off = max(found.slowest_off, time.monotonic() - begun)
    # What is available now is what was let in before: from here on nothing more may come.
    before = _available(look)
    until = time.monotonic() + dwell
    while True:
        more = _available(look) - before
        found.violations += [f"{one} became available while the switch was off" for one in sorted(more)]
        before |= more
        if time.monotonic() >= until:
            break
    found.available = len(before)
    found.cycles += 1
    client.switch(enabled=True)


def _available(look: Look) -> set[str]:
    return {row["id"] for row in look("SELECT id FROM recordings WHERE state = 'available'")}


def _check_history(look: Look, found: Findings) -> None:
    """Compare every recording with the switch's history, by the database's clock."""
    history = look("SELECT account_id, enabled, epoch, at FROM switch_changes ORDER BY id")
    for row in look("SELECT * FROM recordings"):
        found.violations += wrong_entry(row, history)
        if row["state"] == "refused" and row["wrapped_key"] is not None:
            found.violations.append(f"{row['id']} was refused and kept its key")
