"""``python -m tests.failover round --lag 2``: one round against the real service, and the table of what it showed.

Exit status 1 if an aim is not met.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from tests.failover import rounds_failover
from tests.failover.figures import Table
from tests.servers.made_once import make_once


def main(arguments: Sequence[str]) -> int:
    """Run the rounds that were asked for, and print a table for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("round", help="the standby is promoted")
    one.add_argument("--lag", type=float, default=2.0, help="seconds that the standby is behind (2)")
    one.add_argument("--quiet", action="store_true", help="no load after the promotion, only reads")
    one.add_argument("--synchronous", action="store_true", help="the standby is synchronous")
    one.add_argument("--local", action="store_true", help="synchronous_commit = local on the role")
    one.add_argument("--seconds", type=float, default=6.0, help="how long the load goes on before (6)")
    one.add_argument("--times", type=int, default=1, help="how many rounds (1)")
    asked = parser.parse_args(arguments)
    make_once()
    broken = 0
    for _ in range(asked.times):
        table = _chosen(asked)()
        print(table, flush=True)
        broken += len(table.broken)
    return 1 if broken else 0


def _chosen(asked: argparse.Namespace) -> Callable[[], Table]:
    if asked.synchronous or asked.local:
        return lambda: rounds_failover.synchronous(
            local=asked.local, lag=asked.lag if asked.local else 0.0, seconds=asked.seconds
        )
    return lambda: rounds_failover.asynchronous(lag=asked.lag, quiet=asked.quiet, seconds=asked.seconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
