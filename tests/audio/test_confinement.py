"""The limits of a child, seen to bite from inside."""

import os
import subprocess
import sys

import pytest

from tests.support import corpus
from tests.support.plaintext import Sink, Source
from vault.audio import children
from vault.audio.describer import SubprocessDescriber
from vault.audio.limits import Limits
from vault.errors import DescriberCrashed

pytestmark = pytest.mark.faults

MIB = 1 << 20
#: Tries one thing under the limits and prints the error that stopped it.
SCRIPT = """
import ctypes, os, signal, socket, subprocess, sys
from vault.audio import confinement
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = sys.argv[1]
file = open(path, "wb", buffering=0)
confinement.confine(512 << 20)
{before}
confinement.close_doors()
try:
    {attempt}
except (OSError, MemoryError) as error:
    print(type(error).__name__, getattr(error, "errno", None))
else:
    print("done")
"""


def attempt(tmp_path, code, *, before="pass"):
    """Run the code in a confined process; return what it printed and the file that it tried to write."""
    path = tmp_path / "plaintext"
    script = SCRIPT.format(attempt=code, before=before)
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(path)],
        env=children.child_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip(), path.read_bytes()


def test_a_confined_process_writes_no_file(tmp_path):
    """Not even one that was open before: its limit on the size of files is zero."""
    assert attempt(tmp_path, "file.write(b'secret')") == ("OSError 27", b"")


@pytest.mark.parametrize(
    "code",
    ["open('/etc/hosts')", "open(path, 'wb')", "socket.socket()", "os.memfd_create('x')", "os.pipe()"],
)
def test_a_confined_process_opens_nothing(tmp_path, code):
    """Neither a file, a socket nor a pipe: too many open files."""
    assert attempt(tmp_path, code)[0] == "OSError 24"


def test_a_confined_process_does_not_get_more_memory(tmp_path):
    """An allocation beyond the limit fails."""
    assert attempt(tmp_path, "bytearray(600 << 20)")[0] == "MemoryError None"


def test_a_confined_process_cannot_be_looked_into(tmp_path):
    """It is not dumpable, gains no privileges, and dies with its parent."""
    library = "ctypes.CDLL(None)"
    code = f"print({library}.prctl(3), {library}.prctl(39, 0, 0, 0, 0))"
    assert attempt(tmp_path, code)[0].splitlines()[0] == "0 1"


@pytest.mark.skipif(
    os.geteuid() == 0, reason="root is not counted against the number of processes: run it as another user"
)
def test_a_confined_process_starts_no_other(tmp_path):
    """Its limit on processes is zero."""
    assert attempt(tmp_path, "os.fork()")[0].startswith("BlockingIOError")


async def test_too_little_memory_is_a_crash_with_its_reason():
    """A child that cannot even start within its memory says so through its parent."""
    describer = SubprocessDescriber(limits=Limits(memory=100 * MIB))
    with pytest.raises(DescriberCrashed):
        await describer.start()
    await describer.close()


async def test_the_limit_of_processor_time_bites():
    """A job that needs more than its second is ended by the kernel, and the next one is done."""
    hour = corpus.encode("ogg", "libopus", corpus.tones(60.0), encoder_rate=48000, options={"b": "8000"})
    long = b"".join([hour] * 60)
    # Beside other load a second of processor time can take a minute, and the parent must not end the child before.
    async with SubprocessDescriber(limits=Limits(cpu_base=1, cpu_per_mib=0, patience=600.0)) as describer:
        with pytest.raises(DescriberCrashed, match="CPU time"):
            await describer.describe(Source(long), Sink(), account_id="acc_1")
        found = await describer.describe(Source(corpus.wav(corpus.tones())), Sink(), account_id="acc_1")
        assert found.duration == 1.0
