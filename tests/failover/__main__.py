"""``python -m tests.failover round --lag 2``: a round against the real service, and the table of what it showed.

Exit status 1 if an aim is not met.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

from tests.failover import (
    exchanges,
    rounds_bucket,
    rounds_exchange,
    rounds_failover,
    rounds_file,
    rounds_primaries,
    rounds_settings,
    rounds_sqlite,
    rounds_stall,
)
from tests.failover.figures import Table
from tests.servers.made_once import make_once

_NUMBERS: list[tuple[str, float, str]] = [
    ("--lag", 2.0, "seconds that the standby is behind"),
    ("--seconds", 6.0, "how long the load goes on before"),
    ("--ago", 2.0, "how many seconds old the file or the objects are that come back"),
    ("--times", 1, "how many times"),
]
_FLAGS = {
    "--quiet": "no load after the promotion, only reads",
    "--synchronous": "the standby is synchronous",
    "--local": "synchronous_commit = local on the role",
    "--haproxy": "the node reaches the primary through haproxy",
    "--s3": "the objects are in moto's S3, not in a directory",
    "--graceful": "the server is stopped, not killed",
    "--without-acts": "nothing was closed or shown since",
    "--keep-old": "the operator accepts the old primary",
}


def main(arguments: Sequence[str]) -> int:
    """Run the rounds that were asked for, and print a table for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (words, _) in _ROUNDS.items():
        one = commands.add_parser(name, help=words)
        for option, default, meaning in _NUMBERS:
            one.add_argument(option, type=type(default), default=default, help=f"{meaning} ({default:g})")
        for option, meaning in _FLAGS.items():
            one.add_argument(option, action="store_true", help=meaning)
    asked = parser.parse_args(arguments)
    make_once()
    broken = 0
    for _ in range(asked.times):
        for table in _ROUNDS[asked.command][1](asked):
            print(table, flush=True)
            broken += len(table.broken)
    return 1 if broken else 0


def _failover(asked: argparse.Namespace) -> Iterator[Table]:
    if asked.synchronous or asked.local:
        lag = asked.lag if asked.local else 0.0
        yield rounds_failover.synchronous(
            local=asked.local, lag=lag, seconds=asked.seconds, haproxy=asked.haproxy
        )
    else:
        yield rounds_failover.asynchronous(
            lag=asked.lag, quiet=asked.quiet, seconds=asked.seconds, s3=asked.s3
        )


def _primaries(asked: argparse.Namespace) -> Iterator[Table]:
    yield rounds_primaries.two_primaries(seconds=asked.seconds, keep_new=not asked.keep_old)


def _stall(asked: argparse.Namespace) -> Iterator[Table]:
    yield rounds_stall.standby_stopped(seconds=asked.seconds)


def _sqlite(asked: argparse.Namespace) -> Iterator[Table]:
    yield rounds_sqlite.put_back(ago=asked.ago, kill=not asked.graceful, acts=not asked.without_acts)


#: What can be run, what it is, and how.
_ROUNDS: dict[str, tuple[str, Callable[[argparse.Namespace], Iterator[Table]]]] = {
    "round": ("the primary dies and the standby is promoted", _failover),
    "primaries": ("the standby is promoted while the primary lives", _primaries),
    "stall": ("the synchronous standby is stopped for --seconds", _stall),
    "cancelled": (
        "commits that wait for the standby are cancelled",
        lambda _: iter([rounds_stall.cancelled()]),
    ),
    "sqlite": ("an older SQLite file is put back", _sqlite),
    "lost": ("the database and all its backups are lost", lambda _: iter([rounds_sqlite.lose()])),
    "bucket": (
        "the objects of --ago seconds ago are put back",
        lambda a: iter([rounds_bucket.put_back(ago=a.ago)]),
    ),
    **{
        f"exchange-{way}": (
            f"the database is exchanged while nodes run: {one.words}",
            lambda _, way=way: iter([rounds_exchange.exchanged(way)]),
        )
        for way, one in exchanges.WAYS.items()
    },
    **{
        f"file-{way}": (
            f"the file is replaced while the server runs: {words}",
            lambda _, way=way: iter([rounds_file.exchanged_file(way)]),
        )
        for way, (words, _) in rounds_file.FILE_WAYS.items()
    },
    "settings": ("settings and poolers that break durability", lambda _: rounds_settings.every()),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
