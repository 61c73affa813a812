"""Every format and many odd files through a real child: confined, with its doors closed, none of them kills it.

Small files with flipped bytes: decoding gives a description or says Undecodable, and nothing else.
"""

import io
import os
import subprocess
import sys
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audio import odd_corpus
from tests.support import corpus
from tests.support.plaintext import Sink, Source
from vault.audio import children, decoding
from vault.audio.describer import SubprocessDescriber
from vault.domain.recordings.media import BUCKETS
from vault.errors import Undecodable

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
FILES = {name: row[0] for name, row in corpus.good().items()}
EXAMPLES = 20_000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 400


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


@pytest.mark.faults
async def test_no_file_kills_a_confined_child():
    """Each is described or refused as in a process without limits, all by the one child that began."""
    files = everything()
    async with SubprocessDescriber(jobs_per_child=len(files) + 1) as describer:
        child = describer._idle[0].process.pid
        found = {name: await outcome(describer, data) for name, data in files.items()}
        assert [one.process.pid for one in describer._idle] == [child]
    assert found == {name: in_this_process(data) for name, data in files.items()} | expected()
    assert all("damaged" in line for name, line in found.items() if name.startswith(("cut-", "damaged-")))


@pytest.mark.faults
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


def check(data):
    """Describe the bytes, render them where that is needed, and hold the outcome to its ranges."""
    try:
        found = decoding.describe(io.BytesIO(data))
        if found.rendition:
            plan = decoding.plan_rendition(found)
            rendered = sum(map(len, decoding.render(io.BytesIO(data), plan)))
            assert rendered == plan.samples * plan.channels * 2
    except Undecodable:
        return
    assert found.channels in (1, 2)
    assert 0 < found.duration <= 12 * 3600
    assert found.claimed_duration is None or 0 <= found.claimed_duration < float("inf")
    assert [len(channel) for channel in found.peaks] == [2 * BUCKETS] * found.channels


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(FILES)), st.data())
def test_flipped_bytes_are_described_or_undecodable(name, draw):
    """Bytes are flipped mostly in the header, where they are believed."""
    data = bytearray(FILES[name])
    headers = st.integers(0, min(len(data), 200) - 1)
    anywhere = st.integers(0, len(data) - 1)
    for place in draw.draw(st.lists(headers | anywhere, min_size=1, max_size=8)):
        data[place] = draw.draw(st.integers(0, 255))
    check(bytes(data))


@settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(FILES)), st.data())
def test_cut_files_are_described_or_undecodable(name, draw):
    """A file may end anywhere, and something else may follow."""
    data = FILES[name]
    end = draw.draw(st.integers(0, len(data)))
    check(data[:end] + draw.draw(st.binary(max_size=64)))


@settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([b"", b"RIFF", b"OggS", b"fLaC", b"ID3", b"#!AMR\n", b"\x1a\x45\xdf\xa3"]), st.binary()
)
def test_random_bytes_after_a_magic_number_are_described_or_undecodable(magic, rest):
    """A magic number proves nothing."""
    check(magic + rest)


def test_the_number_of_examples_is_told():
    """A reduced count prints itself."""
    print(f"fuzz: {EXAMPLES} examples of flipped bytes")
    assert EXAMPLES >= 400
