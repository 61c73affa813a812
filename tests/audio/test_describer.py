"""The pool and its children: what goes wrong stays with the job it went wrong in."""

import asyncio
import os
import signal
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.audio import hostile_child
from tests.audio.pool import IMPATIENT, PCM, hostile, pids
from tests.support import corpus
from tests.support.plaintext import Sink, Source
from vault.audio.children import COMMAND, Child
from vault.audio.describer import SubprocessDescriber
from vault.audio.limits import Limits
from vault.errors import DescriberCrashed, Tampered, Undecodable


def temporary_files():
    """Return the files at the top of the temporary directory."""
    return {path for path in Path(tempfile.gettempdir()).iterdir() if path.is_file()}


def holds(path, data):
    """Say whether a file holds these bytes; one that is gone again belonged to somebody else."""
    try:
        return data in path.read_bytes()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("mode", [*hostile_child.FRAMES, "exit", "reads-forever", "endless-samples"])
async def test_a_child_that_says_what_cannot_be_is_killed(mode):
    """The job ends in DescriberCrashed, the child is gone, and the next job has a sound one."""
    async with SubprocessDescriber(command=hostile(mode)) as describer:
        before = await pids(describer)
        # Only what is ready now may be hostile: the replacement is a real child.
        describer.command = COMMAND
        with pytest.raises(DescriberCrashed):
            await describer.describe(Source(PCM), Sink(), account_id="acc_1")
        assert await pids(describer) != before
        assert not psutil.pid_exists(before[0])
        found = await describer.describe(Source(PCM), Sink(), account_id="acc_1")
        assert found.duration == 1.0


async def test_a_scripted_child_that_says_nothing_wrong_is_believed():
    """The hostile modes differ from this one only by what makes them hostile: they are killed for that."""
    sink = Sink()
    async with SubprocessDescriber(command=hostile("sound")) as describer:
        before = await pids(describer)
        found = await describer.describe(Source(PCM), sink, account_id="acc_1")
        assert await pids(describer) == before
    assert (found.codec, found.duration, found.rendition) == ("pcm_s16le", 1.0, True)
    assert len(sink.data) == 44 + 16000


@pytest.mark.parametrize("mode", ["hang", "half-frame", "never-listens", "dribbles"])
async def test_a_child_that_keeps_the_parent_waiting_is_killed(mode):
    """The parent's clock ends what the child's own limits do not."""
    async with SubprocessDescriber(command=hostile(mode), limits=IMPATIENT) as describer:
        before = await pids(describer)
        with pytest.raises(DescriberCrashed, match="too long"):
            await describer.describe(Source(PCM * 8), Sink(), account_id="acc_1")
        await pids(describer)
        assert not psutil.pid_exists(before[0])


@pytest.mark.parametrize("mode", ["never-ready", "exit-before-ready"])
async def test_a_child_that_does_not_come_up_fails_the_start(mode):
    """A describer whose children cannot start says so, and leaves none behind."""
    describer = SubprocessDescriber(command=hostile(mode), limits=Limits(start=0.5))
    with pytest.raises(DescriberCrashed):
        await describer.start()
    await describer.close()
    assert not [child for child in psutil.Process().children() if mode in " ".join(child.cmdline())]


async def test_a_sound_child_is_reused_and_retired():
    """The same process does its number of jobs, then another one takes over."""
    async with SubprocessDescriber(jobs_per_child=3) as describer:
        seen = []
        for _ in range(6):
            seen += await pids(describer)
            await describer.describe(Source(PCM), Sink(), account_id="acc_1")
        assert seen[0] == seen[1] == seen[2] != seen[3]
        assert seen[3] == seen[4] == seen[5]


async def test_an_undecodable_file_does_not_cost_the_child():
    """Saying no is part of the job."""
    async with SubprocessDescriber() as describer:
        before = await pids(describer)
        for data in corpus.undecodable().values():
            with pytest.raises(Undecodable):
                await describer.describe(Source(data), Sink(), account_id="acc_1")
        assert await pids(describer) == before


@pytest.mark.parametrize("name", corpus.damaged())
async def test_a_damaged_file_does_not_cost_the_child(name):
    """Damage is described in the child just as it is in this process."""
    async with SubprocessDescriber() as describer:
        before = await pids(describer)
        found = await describer.describe(Source(corpus.damaged()[name]), Sink(), account_id="acc_1")
        assert found.damaged
        assert await pids(describer) == before


@pytest.mark.parametrize("name", ["gsm", "amr", "ima", "g722", "mov-ulaw"])
async def test_a_rendition_is_a_wav_file_of_the_same_length(name):
    """The sink gets a header and exactly the samples that it names."""
    sink = Sink()
    async with SubprocessDescriber() as describer:
        found = await describer.describe(Source(corpus.good()[name][0]), sink, account_id="acc_1")
    samples = corpus.decode(bytes(sink.data))
    assert found.rendition
    assert samples.shape == (round(found.duration * found.sample_rate), found.channels)
    if name != "amr":
        expected = corpus.decode(corpus.good()[name][0])[: len(samples)]
        assert (samples == expected).all()


async def test_what_the_sink_raises_passes_through():
    """A full disk is no fault of the audio; the child is replaced, for it is in the middle of a job."""
    async with SubprocessDescriber() as describer:
        before = await pids(describer)
        with pytest.raises(OSError, match="full"):
            await describer.describe(
                Source(corpus.good()["ima"][0]), Sink(failure=OSError("full")), account_id="acc_1"
            )
        assert await pids(describer) != before


async def test_a_source_that_fails_in_the_second_pass_passes_through():
    """Whenever the tag of a frame is wrong, the caller hears of it."""
    data = corpus.encode("wav", "adpcm_ima_wav", corpus.tones(600.0, channels=1))
    async with SubprocessDescriber() as describer:
        source = Source(data)
        await describer.describe(source, Sink(), account_id="acc_1")
        late = Source(data, failure=Tampered("late"), fail_at=len(source.ranges) - 1)
        with pytest.raises(Tampered, match="late"):
            await describer.describe(late, Sink(), account_id="acc_1")


async def test_cancelling_kills_the_child():
    """Nobody decodes on behalf of a caller that is gone."""
    async with SubprocessDescriber() as describer:
        before = await pids(describer)
        stuck = Source(PCM, gate=asyncio.Event())
        job = asyncio.create_task(describer.describe(stuck, Sink(), account_id="acc_1"))
        await stuck.reading.wait()
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        await pids(describer)
        assert not psutil.pid_exists(before[0])


async def test_a_slow_source_does_not_use_up_the_clock():
    """Only the child's own time counts: storage that takes longer than the patience is not its fault."""
    limits = Limits(cpu_base=3, cpu_per_mib=0, patience=0.0)
    gate = asyncio.Event()
    async with SubprocessDescriber(limits=limits) as describer:
        job = asyncio.create_task(describer.describe(Source(PCM, gate=gate), Sink(), account_id="acc_1"))
        await asyncio.sleep(4.5)
        gate.set()
        assert (await job).duration == 1.0


async def test_jobs_wait_in_the_order_they_came():
    """With one child, the second caller is served second."""
    order = []

    async def job(number):
        await describer.describe(Source(PCM), Sink(), account_id="acc_1")
        order.append(number)

    async with SubprocessDescriber() as describer:
        await asyncio.gather(*(job(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]


async def test_as_many_jobs_run_at_once_as_there_are_children():
    """Two children read two sources at the same time, and a third source waits."""
    gate = asyncio.Event()
    sources = [Source(PCM, gate=gate) for _ in range(3)]
    async with SubprocessDescriber(size=2) as describer:
        jobs = [
            asyncio.create_task(describer.describe(source, Sink(), account_id="acc_1")) for source in sources
        ]
        await asyncio.gather(*(source.reading.wait() for source in sources[:2]))
        assert not sources[2].reading.is_set()
        gate.set()
        assert [found.duration for found in await asyncio.gather(*jobs)] == [1.0, 1.0, 1.0]


async def test_an_idle_child_that_died_is_replaced_before_the_job():
    """A kill from outside costs nobody a recording."""
    async with SubprocessDescriber() as describer:
        child = describer._idle[0]
        os.kill(child.process.pid, signal.SIGKILL)
        await child.process.wait()
        found = await describer.describe(Source(PCM), Sink(), account_id="acc_1")
        assert found.duration == 1.0


async def test_closing_ends_every_child():
    """No process is left, and no descriptor either."""
    before = set(psutil.Process().children())
    descriptors = psutil.Process().num_fds()
    async with SubprocessDescriber(size=2) as describer:
        await describer.describe(Source(PCM), Sink(), account_id="acc_1")
    assert set(psutil.Process().children()) == before
    assert psutil.Process().num_fds() <= descriptors


def test_a_start_that_is_cancelled_leaves_no_process():
    """At whatever step the start of a child is cancelled, the child is reaped."""

    async def cancelled_after(steps):
        task = asyncio.create_task(Child.spawn(("sleep", "60"), Limits(start=60)))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    before = set(psutil.Process().children())
    descriptors = psutil.Process().num_fds()
    for steps in range(12):
        asyncio.run(cancelled_after(steps))
        assert set(psutil.Process().children()) == before, steps
    assert psutil.Process().num_fds() <= descriptors


async def test_a_child_is_reaped_also_by_what_is_cancelled():
    """The end of a loop cancels everything, and leaves no killed child behind."""
    child = await Child.spawn(COMMAND, Limits())
    child.kill()
    reaping = asyncio.create_task(child.gone())
    await asyncio.sleep(0)
    reaping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reaping
    assert child.process.returncode == -signal.SIGKILL


async def test_no_plaintext_touches_the_disk():
    """Samples that occur nowhere else are in no file that came up in the temporary directory."""
    secret = np.random.default_rng().integers(-9000, 9000, (200_000, 1)).astype(np.int16)
    before = temporary_files()
    async with SubprocessDescriber() as describer:
        await describer.describe(
            Source(corpus.resized(corpus.wav(secret), riff_size=0, data_size=0)), Sink(), account_id="acc_1"
        )
    new = temporary_files() - before
    assert not [path for path in new if holds(path, secret[1000:1100].tobytes())]


async def test_a_rendition_that_no_browser_needs_is_made_when_it_is_wanted():
    """Then one channel can be taken out of it: all samples of the source are in it, and only then."""
    async with SubprocessDescriber() as describer:
        plain, wanted = Sink(), Sink()
        found = await describer.describe(Source(PCM), plain, account_id="acc_1")
        assert (found.rendition, bytes(plain.data)) == (False, b"")
        found = await describer.describe(Source(PCM), wanted, account_id="acc_1", always=True)
        assert found.rendition
        assert bytes(wanted.data)[44:] == PCM[44:]


async def test_an_echo_is_looked_for_in_a_rendition_that_is_wanted():
    """In two channels: nobody else compares them, and one has no other."""
    loud = np.random.default_rng(3).integers(-9000, 9000, (16_000, 2)).astype(np.int16)
    loud[:, 0] //= 20
    echoed = loud.copy()
    echoed[800:, 0] += loud[:-800, 1] // 20
    async with SubprocessDescriber() as describer:
        for samples, echo in ((loud, (False, False)), (echoed, (True, False)), (loud[:, :1], None)):
            source = Source(corpus.wav(samples))
            found = await describer.describe(source, Sink(), account_id="acc_1", always=True)
            assert found.echo == echo
            assert (await describer.describe(source, Sink(), account_id="acc_1")).echo is None
