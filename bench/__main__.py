"""The command: ``python -m bench [--quick] [PART...]``, where no part means all of them; and those of _ALONE."""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import cells, cost, queue
from bench.account_usage import account_usage
from bench.archive_work import archive
from bench.call_start import call_start
from bench.capacity import capacity
from bench.children import import_once
from bench.console import console
from bench.events import events
from bench.fairness import fairness
from bench.handover import handover
from bench.idle import idle
from bench.instead import instead
from bench.links import links
from bench.listeners import listeners
from bench.listening import first_byte, playback, seek
from bench.machine import describe_machine
from bench.opens import opens
from bench.pace import pace
from bench.proofs import proofs
from bench.recovery import outage, recovery
from bench.redaction import redaction
from bench.retention import retention
from bench.room import room
from bench.scale import scale
from bench.sealing import sealing
from bench.sequencing import sequencer
from bench.sizes import FULL, QUICK, Sizes
from bench.throughput import throughput
from bench.upload import upload
from bench.waiting import waiting
from bench.webhook import webhook

_PARTS: Mapping[str, Callable[[Sizes, Path], None]] = {
    "webhook": webhook,
    "upload": upload,
    "sealing": sealing,
    "seek": seek,
    "playback": playback,
    "call-start": call_start,
    "opens": opens,
    "proofs": proofs,
    "sequencer": sequencer,
    "first-byte": first_byte,
    "listeners": listeners,
    "scale": scale,
    "instead": instead,
    "archive": archive,
}
#: Measured on servers of their own, or computed; only when they are named.
_ALONE: Mapping[str, Callable[[], None]] = {
    "cost": lambda: cost.main([]),
    "idle": idle,
    "recovery": recovery,
    "outage": outage,
    "throughput": throughput,
    "fairness": fairness,
    "capacity": capacity,
    "room": room,
    "redaction": redaction,
    "retention": retention,
    "links": links,
    "console": console,
    "waiting": waiting,
    "events": events,
    "handover": handover,
    "pace": pace,
    "cells": lambda: cells.main([]),
    "queue": lambda: queue.main([]),
    "usage": account_usage,
}
#: Those of them that have tiny sizes.
_QUICK: Mapping[str, Callable[..., None]] = {"events": events, "handover": handover, "redaction": redaction}
_HOW = """\
how        Variants take turns in short rounds; a ratio is the median of the rounds' own ratios, with its
           range. Raw figures are medians, for orientation alone. Client and server are processes of their
           own on loopback. Servers run as `callvault serve --no-worker` does: uvicorn with httptools and uvloop, one
           process, gc.freeze, and mallopt (mmap 32 MiB, trim 64 MiB), which part 3 sets in its process too. Parts 3, 8,
           9, 12 and 14 have no server. Objects are read from the page cache, and a virtual disk may take an fsync for
           less than it is."""


def main() -> None:
    """Run the parts that were asked for, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = f"any of: {', '.join(_PARTS)}; or one of: {', '.join(_ALONE)}"
    parser.add_argument("parts", nargs="*", metavar="PART", help=names)
    parser.add_argument("--recordings", type=int, default=100_000, help="of usage; its aim is for a million")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes: shows that it works, measures nothing"
    )
    asked = parser.parse_args()
    if len(asked.parts) == 1 and asked.parts[0] in _ALONE:
        if asked.quick and asked.parts[0] in _QUICK:
            _QUICK[asked.parts[0]](quick=True)
        elif asked.parts == ["usage"]:
            account_usage(asked.recordings)
        else:
            _ALONE[asked.parts[0]]()
        return
    if unknown := sorted(set(asked.parts) - set(_PARTS)):
        parser.error(f"there is no part {', '.join(unknown)}; parts are {', '.join(_PARTS)}")
    print(describe_machine())
    print(_HOW, flush=True)
    if asked.quick:
        print("quick      tiny sizes, servers forked from one process: these figures say nothing", flush=True)
        import_once("bench.server")
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as folder:
        for name in asked.parts or _PARTS:
            _PARTS[name](QUICK if asked.quick else FULL, Path(folder))


if __name__ == "__main__":
    main()
