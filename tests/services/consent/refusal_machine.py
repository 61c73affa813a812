"""Random acts on one account, in any order and with failures in between, and the oracle after each of them.

The acts of a seed are the same in every run. What an act answers with an error was not acknowledged, so nothing is
noted of it; a no that is not taken, though nothing failed, is a violation.
"""

import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.services.consent.refusal_oracle import (
    Call,
    Oracle,
    Violation,
    check_erasures,
)
from tests.support.service_house import House
from tests.support.steered_line import SteeredLine
from vault.domain.recordings.recording import Recording
from vault.errors import Unavailable, VaultError
from vault.thread_pools import Threads


class Machine:
    """One account, two calls, one line whose calls the vault steers, and what was acknowledged."""

    def __init__(self, house: House, seed: int, folder: Path, threads: Threads, acts: "Acts") -> None:
        """Take a house with the adapters of all platforms and an account of its own, and what it can do."""
        self.acts = acts
        self.house, self.folder, self.threads = house, folder, threads
        self.chance = random.Random(seed)  # noqa: S311 - a test's choices
        self.oracle, self.line = Oracle(), SteeredLine(house)
        self.rows: dict[str, Recording] = {}
        self.addresses: dict[str, dict[Any, str]] = {}
        self.names = 0
        self.did: list[str] = ["begin"]
        self.fails: str | None = None
        #: Whether a report of a party outside erases without a second person.
        self.rule, self.erases = False, False

    async def run(self, steps: int) -> None:
        """Do so many acts, and compare after each. Raises Violation with the acts that led to it."""
        try:
            for _ in range(steps):
                await self._step()
            await self.oracle.check_links(self.house)
        except Violation as error:
            raise Violation(f"{error}, after: {'; '.join(self.did)}") from None

    async def _step(self) -> None:
        weights = [weight for _, weight in self.acts.values()]
        name = self.chance.choices(list(self.acts), weights=weights)[0]
        act, _ = self.acts[name]
        self.did.append(name)
        before, erases = self.rows, self.erases and not self.rule
        try:
            with self._failing():
                await act(self)
        except VaultError as error:
            self.did[-1] += f" ({type(error).__name__})"
        self.rows = await self.oracle.check(self.house, before)
        if name in REPORTS:
            check_erasures(before, self.rows, may_erase=erases)

    def _failing(self) -> Any:
        """Let one write of the next act fail, if that was chosen: before it is committed, or after."""
        context, mode, self.fails = pytest.MonkeyPatch.context(), self.fails, None
        if mode is None:
            return contextlib.nullcontext()
        kind, state = type(self.house.database), {"left": self.chance.randrange(3)}
        write = kind.write

        async def failing(database: Any, function: Any, *, urgent: bool = False) -> Any:
            state["left"] -= 1
            if state["left"] != -1:
                return await write(database, function, urgent=urgent)
            if mode == "after":
                await write(database, function, urgent=urgent)
            raise Unavailable("The connection broke.", cause="database")

        @contextlib.contextmanager
        def patched() -> Any:
            with context as patch:
                patch.setattr(kind, "write", failing)
                yield

        return patched()

    def call(self) -> Call:
        """Choose a call."""
        return self.chance.choice(list(self.oracle.calls.values()))

    async def recording(self) -> tuple[Call, str] | None:
        """Choose a recording."""
        call = self.call()
        return (call, self.chance.choice(call.recordings)) if call.recordings else None

    def steer(self, call: Call) -> SteeredLine:
        """Return the line with this call."""
        self.line.house = self.house
        self.line.call = replace(self.line.call, ref=call.ref)
        self.line.addresses = self.addresses[call.ref]
        return self.line


#: By name: what it does, and how often it is chosen.
Acts = Mapping[str, tuple[Callable[[Machine], Awaitable[None]], int]]
#: Acts that report what a party said.
REPORTS: Final = frozenset({"consent", "no_by_key"})
