"""``python -m tests.soak``: a fleet under mixed load, while processes die and the database restarts.

Two nodes that serve and two that work, on PostgreSQL, the Ceph gateway and OpenBao. Every 20 seconds one of
them is killed, every minute PostgreSQL is restarted as in a crash. Afterwards everything that was acknowledged
is compared with what is there. Exit status 1 if a promise was broken.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.soak import verdict
from tests.soak.ledger import Ledger
from tests.soak.load import Load
from tests.soak.world import ACCESS_KEY, SECRET_KEY, World, world
from tests.support.tenant import Tenant

#: Seconds between two kills, and between two restarts of the database.
KILL, RESTART = 20.0, 60.0


def main(arguments: Sequence[str]) -> int:
    """Run, and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="how long the load goes on (30)")
    parser.add_argument("--seed", type=int, default=1, help="which process is killed when (1)")
    asked = parser.parse_args(arguments)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with tempfile.TemporaryDirectory(prefix="soak") as folder, world(Path(folder)) as around:
        http = around.fleet.admin(around.serving[0])
        steady, switched = [Tenant.open(http), Tenant.open(http)], Tenant.open(http)
        load = Load(
            nodes=[node.url for node in around.serving],
            key=around.fleet.key,
            bodies=around.bodies,
            urls=around.urls,
            steady=steady,
            switched=switched,
        )
        load.start()
        try:
            trouble(around, load.ledger, asked.minutes * 60, random.Random(asked.seed))  # noqa: S311 - the same again
        finally:
            load.stop()
        say("the load has ended; everything must settle now")
        report(around, load.ledger, [*steady, switched], Path(folder))
        for what in load.ledger.violations[:50]:
            print(f"BROKEN: {what}")
        print(f"promises broken: {len(load.ledger.violations)}")
        return 1 if load.ledger.violations else 0


def trouble(around: World, ledger: Ledger, seconds: float, chance: random.Random) -> None:
    """Kill and restart until the time is over."""
    begun = time.monotonic()
    kill, restart, shown = begun + KILL, begun + RESTART, begun
    while (now := time.monotonic()) < begun + seconds:
        if now >= kill:
            around.kill_one(chance)
            kill += KILL
        elif now >= restart:
            around.restart_database()
            restart += RESTART
        elif now >= shown:
            say(
                f"{now - begun:5.0f} of {seconds:.0f} s: {len(ledger.sent)} acknowledged, "
                f"{len(ledger.received)} heard, {sum(around.killed.values())} killed, "
                f"{around.restarts} restarts, {len(ledger.violations)} broken"
            )
            shown += 30
        time.sleep(0.2)


def report(around: World, ledger: Ledger, tenants: list[Tenant], folder: Path) -> None:
    """Look at everything, and print the figures."""
    for node in around.fleet.nodes:
        node.await_ready()
    begun = time.monotonic()
    found = verdict.settle(tenants)
    settled = time.monotonic() - begun
    verdict.check_recordings(ledger, found, tenants[-1].name)
    heard = verdict.check_audio(ledger, tenants, found, around.bodies)
    verified = verdict.check_log(ledger, around.fleet, folder)
    for node in around.fleet.nodes:
        node.stop()
    swept = verdict.check_objects(ledger, around.fleet, found)
    searched = verdict.check_plaintext(ledger, [folder / "fleet", around.postgresql.folder], around.bodies)
    bytes_heard = sum(one.end - one.first for one in ledger.received)
    states = [row["state"] for of in found.values() for row in of.values()]
    rows = {
        "killed": ", ".join(f"{what} {times}" for what, times in sorted(around.killed.items())),
        "restarts of PostgreSQL": around.restarts,
        "acknowledged": len(ledger.sent),
        "queue ended after": f"{settled:.0f} s",
        "in state": ", ".join(f"{state} {states.count(state)}" for state in sorted(set(states))),
        "switched off": f"{len(ledger.off)} times",
        "erased": len(ledger.erased),
        "heard under load": f"{len(ledger.received)} parts, {bytes_heard} bytes",
        "downloaded afterwards": heard,
        "leftovers of killed attempts": swept,
        "files searched for sound": searched,
    }
    for what, value in rows.items():
        print(f"{what:<30} {value}")
    for what, times in sorted(ledger.waited.items()):
        times.sort()
        middle, last = times[len(times) // 2], times[int(len(times) * 0.99)]
        print(
            f"answer to {what:<20} {len(times):>7}  median {middle * 1000:7.0f} ms  p99 {last * 1000:7.0f} ms"
        )
    for what, times_said in sorted(ledger.answers.items()):
        print(f"{what:<30} {times_said}")
    print(verified.strip())


def say(words: str) -> None:
    """Print a line immediately."""
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
