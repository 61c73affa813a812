"""The watchdog of event loops: it finds what it is there for, and nothing else."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import loop_watchdog
from tests.loop_watchdog import ROOT, Watchdog

#: Keeps a thread busy for some CPU time.
BUSY = "def burn(clock, until):\n    while clock() < until:\n        pass\n"
#: The same in one call of C, which lets no other thread run meanwhile.
DEAF = "def burn(clock, until):\n    sum(range(6_000_000))\n"


def burning(file: str, code: str = BUSY) -> Callable[[], None]:
    """Return a function of a file of this repository that takes about 100 ms of CPU."""
    made: dict[str, Callable[[Callable[[], float], float], None]] = {}
    exec(compile(code, str(ROOT / file), "exec"), made)  # noqa: S102 - the stack is to show this file
    return lambda: made["burn"](time.thread_time, time.thread_time() + 0.1)


@pytest.mark.parametrize(
    ("work", "found"),
    [
        (burning("vault/busy.py"), ["vault/busy.py:burn"]),
        (burning("vault/busy.py", DEAF), ["vault/busy.py:burn"]),
        (burning("tests/busy.py"), []),
        (burning("tests/busy.py", DEAF), []),
        (lambda: time.sleep(0.1), []),
        (lambda: None, []),
    ],
    ids=["product", "product in C", "test", "test in C", "waits", "short"],
)
def test_a_step_counts_by_the_cpu_of_the_product(
    work: Callable[[], None], found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Not by what a test does in it, and not by time in which the thread does nothing."""
    monkeypatch.setattr(loop_watchdog, "LIMIT", 0.01)
    path = tmp_path / "findings"
    path.touch()
    watchdog = Watchdog(str(path))
    watchdog.look()
    for _ in range(50):
        assert watchdog.step(work, work) is None
        # On a machine too busy to look, a step that is the product's is not seen; then the next one is.
        if not found or path.stat().st_size:
            break
    assert [json.loads(line)["stack"][0] for line in path.read_text().splitlines()] == found


def test_an_exception_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is on the list may take longer."""
    monkeypatch.setattr(loop_watchdog, "LIMIT", 0.01)
    monkeypatch.setitem(loop_watchdog.EXCEPTIONS, "vault/busy.py:burn", "a test of exceptions")
    path = tmp_path / "findings"
    watchdog = Watchdog(str(path))
    watchdog.look()
    work = burning("vault/busy.py")
    watchdog.step(work, work)
    assert not path.exists()


def step(function: str, ms: int) -> dict[str, object]:
    """Return what is noted of a step."""
    return {"ms": ms, "test": None, "stack": ["/usr/lib/json.py:loads", function, "vault/outer.py:run"]}


@pytest.mark.parametrize(
    ("findings", "fail"),
    [
        ([], set()),
        ([step("vault/a.py:read", 60)], set()),
        ([step("vault/a.py:read", 60), step("vault/a.py:read", 60), step("vault/b.py:read", 60)], set()),
        ([step("vault/a.py:read", 60)] * 3 + [step("vault/b.py:read", 60)], {"vault/a.py:read"}),
        ([step("vault/a.py:read", 251), step("vault/b.py:read", 250)], {"vault/a.py:read"}),
    ],
    ids=["nothing", "once", "in different functions", "again and again", "far over"],
)
def test_the_session_fails_by_what_comes_again(findings: list[dict[str, object]], fail: set[str]):
    """One step over the limit is as likely the machine's."""
    assert loop_watchdog.failing(findings) == fail
