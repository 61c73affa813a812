"""Watches every event loop of the suite: no step of the product keeps one busy for more than 50 ms of CPU.

While a step runs, nobody else is served. It is measured by the CPU time of its thread, so a loaded machine makes
nothing red, without the garbage collector, which runs wherever it likes. What a step was doing is seen by a thread
that looks at its stack meanwhile; steps that were busy with a test's own code do not count. On uvloop the steps of
tasks and the parsing of requests are measured, on asyncio all callbacks. Servers write what they find into the same
file as the tests, and the end of the session tells it. CPU time is a measurement: caches, a neighbour on the same
core and the host add to it. So one step says nothing alone unless it is far over the limit; the same function again
and again does, and fails the session.
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.support.on_import import on_import

ROOT = Path(__file__).parents[1]
#: Seconds of CPU on a machine that needs REFERENCE seconds for the loop below.
LIMIT, REFERENCE = 0.05, 0.0045
#: Steps over the limit in one function, or how often the limit in one step, from which the session fails.
REPEATED, FAR_OVER = 3, 5
#: Where a process finds the file for what it finds.
FILE = "CALLVAULT_LOOP_FINDINGS"
#: Seconds between two looks at what is running.
_TICK = 0.02
_FRAMES = 8
#: What may take longer, by the end of file and function, and why.
EXCEPTIONS: dict[str, str] = {
    "<frozen importlib._bootstrap>:_find_and_load": "a module is imported once in a process",
    "jinja2/environment.py:_load_template": "a template is compiled once in a process",
    "vault/composition/assemble.py:assemble": "a start: nobody is served before it is over",
    "vault/composition/adapters.py:rule_book": "a start, read once in a process",
    "vault/web/app.py:build": "a start, in tests that make the app in a loop",
    "vault/database/engines/sqlite.py:__init__": "a start, in tests that open a database in a loop",
    "vault/database/engines/sqlite.py:close": "an end, in tests that close a database in a loop",
    "vault/database/engines/migrate.py:migrate_sqlite": "a start, in tests that migrate in a loop",
    "vault/database/engines/migrate.py:migrate_postgresql": "a start, in tests that migrate in a loop",
    "vault/keyservice/aws_kms.py:connect": "a start, in tests that connect in a loop; botocore reads its files once",
    "vault/objects/s3_client.py:connect": "a start, in tests that connect in a loop; botocore reads its files once",
    "vault/telephony/http/client.py:trust": "a start, in tests that make a client in a loop; OpenSSL reads all CAs",
    "httpcore/_async/http11.py:_receive_response_headers": "the head of a reply, which has at most 100 KiB",
    "asyncio/subprocess.py:create_subprocess_exec": "a fork: 10 ms for each 400 MiB of a process, a server has 200",
    "vault/simulator/simulate.py:simulate": "the simulator is a program of its own, and serves nobody",
    "vault/simulator/providers/vonage/provider.py:__init__": "the simulator makes the key of its application once",
    "tests/faults/inside.py:inside": "a start of a vault within a test",
    "tests/web/test_growth.py:open_again": "a test that puts a fault of before back",
    "tests/web/test_recovery.py:test_every_door_is_closed_but_two": "a test that asks every route in one step",
    "tests/audio/odd_corpus.py:made": "a test that makes its corpus",
    "tests/faults/promises.py:check_promises": "a test that opens all that there is",
    "tests/faults/remains.py:unwrapped_anywhere": "a test that tries all keys on all that is left",
}


class Watchdog:
    """Measures steps of loops in any thread of this process."""

    def __init__(self, path: str) -> None:
        """Write findings to ``path``."""
        self._path = path
        self._running: dict[int, int] = {}
        self._seen: dict[int, list[list[str]]] = {}
        self._collecting: dict[int, float] = {}
        self._serial = 0

    def install(self) -> None:
        """Measure from now on."""
        gc.callbacks.append(self._collected)
        run = asyncio.Handle._run
        watchdog = self

        def measured(handle: asyncio.Handle) -> None:
            # The handle forgets its callback when it is cancelled meanwhile.
            callback = handle._callback  # type: ignore[attr-defined]
            watchdog.step(lambda: run(handle), callback)

        asyncio.Handle._run = measured  # type: ignore[method-assign]
        self._watch_uvloop()
        self.look()

    def look(self) -> None:
        """Look from now on at what is running."""
        threading.Thread(target=self._look, name="loop-watchdog", daemon=True).start()

    def _watch_uvloop(self) -> None:
        """Change uvloop and the protocol when they are imported: a test of pure code imports neither."""
        watchdog = self

        def measure_tasks(uvloop: Any) -> None:
            create = uvloop.Loop.create_task

            def create_task(loop: Any, coro: Any, **named: Any) -> Any:
                return create(loop, _Measured(coro, watchdog), **named)

            uvloop.Loop.create_task = create_task

        def measure_parsing(http_limits: Any) -> None:
            received = http_limits.LimitedHttpProtocol.data_received

            def data_received(protocol: Any, data: bytes) -> None:
                watchdog.step(lambda: received(protocol, data), received)

            http_limits.LimitedHttpProtocol.data_received = data_received

        on_import("uvloop", measure_tasks)
        on_import("vault.server.http_limits", measure_parsing)

    def step(self, run: Callable[[], Any], what: object) -> Any:
        """Run a step and measure it."""
        ident = threading.get_ident()
        if ident in self._running:
            return run()  # A step within a step, as of a protocol that asyncio calls.
        self._serial += 1
        serial = self._running[ident] = self._serial
        self._collecting[ident] = 0.0
        begun = time.thread_time()
        try:
            return run()
        finally:
            spent = time.thread_time() - begun - self._collecting.pop(ident)
            del self._running[ident]
            stacks = self._seen.pop(serial, [])
            if spent > LIMIT:
                self._judge(spent, stacks, what)

    def _judge(self, spent: float, stacks: list[list[str]], what: object) -> None:
        said = stacks[-1] if stacks else [repr(getattr(what, "__self__", what))[:300]]
        frames = {frame for stack in stacks for frame in stack}
        if any(frame.endswith(tuple(EXCEPTIONS)) for frame in frames):
            return
        # A step of a test is partly the product's: what the looks found there is its share.
        # What nobody saw, on a machine too busy to look, says nothing.
        share = sum(map(_of_product, stacks)) / len(stacks) if stacks else 0.0
        product = spent * share
        if product <= LIMIT or (product := product / max(1.0, _slowness())) <= LIMIT:
            return
        found = {"ms": round(1000 * product), "test": os.environ.get("PYTEST_CURRENT_TEST"), "stack": said}
        with Path(self._path).open("a") as file:
            file.write(json.dumps(found) + "\n")

    def _look(self) -> None:
        while True:
            time.sleep(_TICK)
            # Also what is seen for the first time: behind a long call of C, which no thread can look into, a look
            # comes once, as soon as it returns.
            for ident, serial in dict(self._running).items():
                stack = _stack(_frame_of(ident))
                if self._running.get(ident) == serial:
                    self._seen.setdefault(serial, []).append(stack)
            for serial in set(self._seen) - set(self._running.values()):
                self._seen.pop(serial, None)

    def _collected(self, phase: str, _info: dict[str, int]) -> None:
        ident = threading.get_ident()
        if ident in self._collecting:
            self._collecting[ident] += time.thread_time() * (-1 if phase == "start" else 1)


def _frame_of(ident: int) -> FrameType | None:
    """Return what a thread runs now.

    Before Python 3.11.9 a collection inside of ``_current_frames`` can block the whole process for ever, when
    another thread is starting (https://github.com/python/cpython/issues/106883).
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames().get(ident)
    finally:
        if collecting:
            gc.enable()


class _Measured(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are measured."""

    def __init__(self, inner: Coroutine[Any, Any, Any], watchdog: Watchdog) -> None:
        self._inner, self._watchdog = inner, watchdog
        self.__name__ = getattr(inner, "__name__", "coroutine")
        self.__qualname__ = getattr(inner, "__qualname__", self.__name__)

    def send(self, value: Any) -> Any:
        return self._watchdog.step(lambda: self._inner.send(value), self._inner)

    def throw(self, *error: Any) -> Any:
        return self._watchdog.step(lambda: self._inner.throw(*error), self._inner)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()


def _stack(frame: Any) -> list[str]:
    """Return file and function of the innermost frames, and of those of this repository."""
    found = []
    while frame is not None:
        name = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
        if len(found) < _FRAMES or name.startswith(("vault/", "tests/", "<frozen importlib")):
            found.append(f"{name}:{frame.f_code.co_name}")
        frame = frame.f_back
    return found


def _of_product(stack: list[str]) -> bool:
    """Say whether the innermost frame of this repository is the product's and not a test's."""
    ours = [one for one in stack if one.startswith(("vault/", "tests/"))]
    if not ours:
        # Playwright has a loop in the thread of the tests, so that pytest itself can seem to be a step.
        return not any("/_pytest/" in one or "/pluggy/" in one for one in stack)
    return ours[0].startswith("vault/")


def _slowness() -> float:
    """Return how much slower than the reference this machine is now."""
    begun = time.thread_time()
    total = 0
    for number in range(100_000):
        total += number & 7
    return (time.thread_time() - begun) / REFERENCE


def watch() -> None:
    """Begin to watch this process, if the tests say where to write."""
    if path := os.environ.get(FILE):
        Watchdog(path).install()


def pytest_configure(config: pytest.Config) -> None:
    """Watch the process of the tests; workers and servers inherit the file."""
    if FILE not in os.environ:
        handle, os.environ[FILE] = tempfile.mkstemp(prefix="loop-findings-", suffix=".jsonl")
        os.close(handle)
        config.stash[_OURS] = True
    watch()


_OURS = pytest.StashKey[bool]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session where steps took too long."""
    if session.config.stash.get(_OURS, False) and session.exitstatus == 0 and failing(_findings()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None]:
    """Name the steps that took too long, last, where the end of a log shows them."""
    yield
    if not config.stash.get(_OURS, False):
        return
    fail = failing(_findings())
    for found in _findings():
        said = "FAILS: " if place(found) in fail else ""
        terminalreporter.section(f"{said}a step of the event loop took too long", red=bool(said))
        terminalreporter.line(
            f"{found['ms']} ms of CPU on the reference, limit {1000 * LIMIT:.0f}; in {found['test'] or 'a server'}"
        )
        for frame in found["stack"]:
            terminalreporter.line(f"    {frame}")


def failing(findings: list[dict[str, Any]]) -> set[str]:
    """Return the functions whose steps fail the session."""
    times = Counter(map(place, findings))
    far = {place(found) for found in findings if found["ms"] > 1000 * LIMIT * FAR_OVER}
    return far | {function for function, count in times.items() if count >= REPEATED}


def place(found: dict[str, Any]) -> str:
    """Return the innermost function of the product in what a step was doing."""
    stack: list[str] = found["stack"]
    return next((frame for frame in stack if frame.startswith("vault/")), stack[0])


def _findings() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(os.environ[FILE]).read_text().splitlines()]
