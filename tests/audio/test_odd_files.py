"""Every format and many odd files through a real child: confined, with its doors closed, none of them kills it."""

import io
import subprocess
import sys
from functools import cache

import pytest

from tests.audio import odd_corpus
from tests.support import corpus
from tests.support.plaintext import Sink, Source
from vault.audio import children, decoding
from vault.audio.describer import SubprocessDescriber
from vault.errors import Undecodable

pytestmark = pytest.mark.faults

#: Imports what a child imports, with the doors open, and then names what the files in a folder made it import.
LATE = """
import sys
from functools import cache
from pathlib import Path
from vault.audio import child
from vault.errors import Undecodable
child.warm_up()
warm = set(sys.modules)
from vault.audio import decoding, speech
for path in sorted(Path(sys.argv[1]).iterdir()):
    with path.open("rb") as file:
        try:
            found = decoding.describe(file)
            for block in decoding.render(file, decoding.plan_rendition(found)):
                pass
            for block in speech.speech(file, max_duration=30.0):
                pass
        except Undecodable:
            pass
print(sorted(set(sys.modules) - warm))
"""


@cache
def everything():
    """Return name -> bytes of all files there are."""
    found = {f"odd-{name}": row[0] for name, row in odd_corpus.audible().items()}
    found |= {f"none-{name}": row[0] for name, row in odd_corpus.inaudible().items()}
    found |= {f"cut-{name}": data for name, data in odd_corpus.cut().items()}
    found |= {f"good-{name}": row[0] for name, row in corpus.good().items()}
    found |= {f"damaged-{name}": data for name, data in corpus.damaged().items()}
    found |= {f"unsized-{name}": data for name, data in corpus.unsized().items()}
    return found | {f"no-{name}": data for name, data in corpus.undecodable().items()}


async def outcome(describer, data):
    """Return what a child says of a file, in a line."""
    try:
        found = await describer.describe(Source(data), Sink(), account_id="acc_1")
    except Undecodable as error:
        return str(error)
    return f"{found.container} {found.codec} {found.duration:.2f}" + " damaged" * found.damaged


def in_this_process(data):
    """Return what the decoder says of a file where nothing is confined, in a line."""
    try:
        found = decoding.describe(io.BytesIO(data))
    except Undecodable as error:
        return str(error)
    return f"{found.container} {found.codec} {found.duration:.2f}" + " damaged" * found.damaged


def expected():
    """Return name -> what is reported about it, for the files whose contents are known from how they were made."""
    lines = {
        f"odd-{name}": f"{container} {codec} {seconds:.2f}"
        for name, (_data, container, codec, seconds) in odd_corpus.audible().items()
    }
    return lines | {f"none-{name}": str(reason) for name, (_data, reason) in odd_corpus.inaudible().items()}


async def test_no_file_kills_a_confined_child():
    """Each is described or refused as in a process without limits, all by the one child that began."""
    files = everything()
    async with SubprocessDescriber(jobs_per_child=len(files) + 1) as describer:
        child = describer._idle[0].process.pid
        found = {name: await outcome(describer, data) for name, data in files.items()}
        assert [one.process.pid for one in describer._idle] == [child]
    assert found == {name: in_this_process(data) for name, data in files.items()} | expected()
    assert all("damaged" in line for name, line in found.items() if name.startswith(("cut-", "damaged-")))


def test_nothing_is_imported_after_the_doors_are_closed(tmp_path):
    """Whatever PyAV loads on demand was loaded in the warm-up: with the doors closed it could not be."""
    for name, data in everything().items():
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-P", "-c", LATE, str(tmp_path)],
        env=children.child_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"
