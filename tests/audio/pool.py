"""What tests of the describer share: scripted children, and the processes that are idle."""

import asyncio
import sys
from pathlib import Path

from tests.support import corpus
from vault.audio.limits import Limits

PCM = corpus.wav(corpus.tones())
HOSTILE = Path(__file__).with_name("hostile_child.py")
#: A child that keeps its parent waiting is given up after 2 * 0 + 0.5 seconds.
IMPATIENT = Limits(cpu_base=0, cpu_per_mib=0, patience=0.5, start=30.0)


def hostile(mode):
    """Return the command of a child that goes bad."""
    return (sys.executable, "-P", "-s", "-B", str(HOSTILE), mode)


async def pids(describer):
    """Return the process ids of the idle children, once replacements have come up."""
    while describer._tasks:
        await asyncio.wait(describer._tasks)
    return [child.process.pid for child in describer._idle]
