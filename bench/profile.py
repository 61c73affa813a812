"""``python -m bench.profile ROW [--number N]``: which functions use the CPU that a row of ``bench.cost`` counts.

Prints for each process of the vault the CPU milliseconds of one recording, call or listener: by package, by function
alone, and by function of the vault with all that it calls. Child processes that decode are one figure. Sampling itself
costs some percent. ``--stacks FOLDER`` keeps the stacks, one file for each process, as flame graph programs read them.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from bench.cost import LONG, SHORT, act_of, announce_and_wait, noise, open_stage
from bench.counted_servers import Servers, cpu_of, cpu_of_tree, fleet, single
from bench.machine import describe_machine
from tests.servers.media_thread import MediaThread, media_thread

_TOP: Final = 45
_WRITE_TIMEOUT: Final = 10.0


def _program(folder: Path, name: str) -> list[str]:
    return [sys.executable, "-m", "bench.sampler", str(folder / f"{name}.stacks")]


def _print(name: str, file: Path, number: int, children: float) -> None:
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    packages: Counter[str] = Counter()
    for line in file.read_text().splitlines():
        stack, _, value = line.rpartition(" ")
        frames, spent = stack.split(";"), int(value)
        own[frames[-1]] += spent
        packages[_package(frames[-1])] += spent
        for frame in {one for one in frames if one.startswith("vault/")}:
            total[frame] += spent
    print(f"{name}: {own.total() / 1000 / number:.1f} ms, child processes {children * 1000 / number:.1f} ms")
    for title, counted in (("package", packages), ("function alone", own), ("with what it calls", total)):
        print(f"  by {title}")
        for what, spent in counted.most_common(_TOP):
            print(f"  {spent / 1000 / number:8.2f}  {what}")


def _package(frame: str) -> str:
    parts = frame.partition(":")[0].split("/")
    return "/".join(parts[:2]) if parts[0] == "vault" else parts[0]


def _profile(servers: Servers, media: MediaThread, folder: Path, row: str, number: int) -> None:
    with open_stage(servers, media) as stage:
        short, long = (media.serve(f"/{n}.wav", noise(n)) for n in (SHORT, LONG))
        announce_and_wait(stage, short, 5)
        act = act_of(stage, row, number, short, long)
        pids = {name: pid for name, pid in servers.pids.items() if name != "PostgreSQL"}
        before = {name: cpu_of_tree(pid) - cpu_of(pid) for name, pid in pids.items()}
        for pid in pids.values():
            os.kill(pid, signal.SIGUSR1)
        with servers.stopped("worker") if row == "ack" else nullcontext():
            act()
        for pid in pids.values():
            os.kill(pid, signal.SIGUSR2)
        for name, pid in pids.items():
            file, deadline = folder / f"{name}.stacks", time.monotonic() + _WRITE_TIMEOUT
            while not file.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            _print(name, file, number, cpu_of_tree(pid) - cpu_of(pid) - before[name])


def main() -> None:
    """Profile one row."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("row", choices=["webhook", "ack", "large", "call-start", "play", "sqlite"])
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--stacks", type=Path, metavar="FOLDER")
    asked = parser.parse_args()
    print(describe_machine(), flush=True)
    start = single if asked.row == "sqlite" else fleet
    with tempfile.TemporaryDirectory(prefix="callvault-profile-") as name, media_thread() as media:
        folder = Path(name)
        with start(folder / "vault", media.authority, program=lambda one: _program(folder, one)) as servers:
            _profile(servers, media, folder, asked.row, asked.number)
        if asked.stacks is not None:
            asked.stacks.mkdir(parents=True, exist_ok=True)
            for file in folder.glob("*.stacks"):
                shutil.copy(file, asked.stacks)


if __name__ == "__main__":
    main()
