"""Who a child works for, and what a crash of it means for the file."""

import asyncio
import os
import signal

import psutil
import pytest

from tests.audio.pool import IMPATIENT, PCM, hostile, pids
from tests.support import corpus
from tests.support.plaintext import Sink, Source
from vault.audio.describer import FOR_OTHERS, SubprocessDescriber
from vault.domain.recordings.media import Description
from vault.errors import DescriberCrashed, Unavailable
from vault.fair_places import GaveWay


async def jobs_of(describer, *accounts):
    """Run a job per account, one after the other; return the renditions and the pids of the idle children."""
    renditions, seen = [], []
    for account in accounts:
        sink = Sink()
        await describer.describe(Source(account.encode() * 8), sink, account_id=account)
        renditions.append(bytes(sink.data))
        seen.append(await pids(describer))
    return renditions, seen


@pytest.mark.parametrize("size", [1, 2])
async def test_no_child_works_for_two_accounts(size):
    """A child that keeps what it read puts it into renditions of the same account, and of no other."""
    accounts = ["acc_a", "acc_a", "acc_b", "acc_c", "acc_a", "acc_b"]
    async with SubprocessDescriber(size=size, command=hostile("remembers")) as describer:
        renditions, seen = await jobs_of(describer, *accounts)
    assert b"acc_a" in renditions[1]
    for account, rendition in zip(accounts, renditions, strict=True):
        assert not [other for other in set(accounts) - {account} if other.encode() in rendition]
    assert seen[0] == seen[1]
    assert all(len(idle) == size for idle in seen)


async def test_two_accounts_have_different_processes():
    """The process of the first account is gone where there is room for one alone."""
    async with SubprocessDescriber() as describer:
        (first,) = await pids(describer)
        await describer.describe(Source(PCM), Sink(), account_id="acc_a")
        assert await pids(describer) == [first]
        await describer.describe(Source(PCM), Sink(), account_id="acc_b")
        assert await pids(describer) != [first]
        assert not psutil.pid_exists(first)


async def test_after_a_crash_the_account_gets_a_process_that_has_read_nothing():
    """Also where another child of the account is idle: what it read before may be what it dies of next."""
    gate = asyncio.Event()
    async with SubprocessDescriber(size=2) as describer:
        sources = [Source(PCM, gate=gate) for _ in range(2)]
        jobs = [describer.describe(source, Sink(), account_id="acc_1") for source in sources]
        both = asyncio.gather(*jobs)
        await asyncio.gather(*(source.reading.wait() for source in sources))
        gate.set()
        await both
        before = await pids(describer)
        stuck = Source(PCM, gate=asyncio.Event())
        job = asyncio.create_task(describer.describe(stuck, Sink(), account_id="acc_1"))
        await stuck.reading.wait()
        (working,) = set(before) - {child.process.pid for child in describer._idle}
        os.kill(working, signal.SIGKILL)
        stuck.gate.set()
        with pytest.raises(DescriberCrashed):
            await job
        assert not set(before) & set(await pids(describer))


@pytest.mark.parametrize(("mode", "decoded"), [("dies-of-audio", True), ("exit", False), ("hang", False)])
async def test_a_crash_says_whether_samples_were_decoded(mode, decoded):
    """That tells a file with audio in it from one that never was any."""
    async with SubprocessDescriber(command=hostile(mode), limits=IMPATIENT) as describer:
        with pytest.raises(DescriberCrashed) as caught:
            await describer.describe(Source(PCM), Sink(), account_id="acc_1")
    assert caught.value.decoded is decoded


async def test_a_real_child_says_that_samples_were_decoded():
    """It is killed in the second pass over the file, when it has sent the beginning of the rendition."""
    data = corpus.good()["ima"][0]

    class Killing(Sink):
        """Kills the child at the first write."""

        async def write(self, block):
            """Kill, and take the block."""
            os.kill(child, signal.SIGKILL)
            await super().write(block)

    async with SubprocessDescriber() as describer:
        (child,) = await pids(describer)
        with pytest.raises(DescriberCrashed) as caught:
            await describer.describe(Source(data * 100), Killing(), account_id="acc_1")
    assert caught.value.decoded


async def test_a_child_that_does_not_start_is_no_fault_of_the_file():
    """It can be tried again later: a crash would give the recording up."""
    async with SubprocessDescriber() as describer:
        describer.command = hostile("exit-before-ready")
        await describer.describe(Source(PCM), Sink(), account_id="acc_a")
        with pytest.raises(Unavailable):
            await describer.describe(Source(PCM), Sink(), account_id="acc_b")


@pytest.mark.parametrize("size", [1, 2])
async def test_hours_of_audio_of_one_account_delay_no_other(size):
    """Six jobs of one account that do not end: one of another account ends first, and then the six go on."""
    gate = asyncio.Event()
    async with SubprocessDescriber(size=size) as describer:
        sources = [Source(PCM, gate=gate) for _ in range(6)]
        jobs = asyncio.gather(*(describer.describe(one, Sink(), account_id="acc_long") for one in sources))
        await asyncio.gather(*(source.reading.wait() for source in sources[:size]))
        await describer.describe(Source(PCM), Sink(), account_id="acc_short")
        assert sum(source.reading.is_set() for source in sources) == size
        assert not jobs.done()
        gate.set()
        assert len(await jobs) == len(sources)


async def _long_jobs(describer, accounts, gate):
    """Begin a job that does not end for each account, and return the tasks once each reads."""
    jobs = []
    for account in accounts:
        source = Source(PCM, gate=gate)
        jobs.append(asyncio.create_task(describer.describe(source, Sink(), account_id=account)))
        await source.reading.wait()
    return jobs


async def test_hours_of_audio_of_some_accounts_delay_no_other():
    """Two, three and four accounts, whose jobs do not end: one of another account ends all the same."""
    gate = asyncio.Event()
    async with SubprocessDescriber(size=1) as describer:
        jobs = []
        for number in range(FOR_OTHERS):
            jobs += await _long_jobs(describer, [f"acc_{number}"], gate)
            await describer.describe(Source(PCM), Sink(), account_id="acc_short")
        assert not any(job.done() for job in jobs)
        gate.set()
        assert len(await asyncio.gather(*jobs)) == FOR_OTHERS


async def test_where_all_processes_have_long_audio_one_gives_way():
    """As many long jobs stay as leave two processes free, those that began first; the others end with GaveWay."""
    gate = asyncio.Event()
    async with SubprocessDescriber(size=1) as describer:
        places = describer._gate._places
        jobs = await _long_jobs(describer, [f"acc_{number}" for number in range(1 + FOR_OTHERS)], gate)
        short = asyncio.create_task(describer.describe(Source(PCM), Sink(), account_id="acc_short"))
        for place in places.held:
            places.end_turn(place)
        assert isinstance(await short, Description)
        ended = await asyncio.gather(*jobs[3:], return_exceptions=True)
        assert [type(one) for one in ended] == [GaveWay, GaveWay]
        assert not any(job.done() for job in jobs[:3])
        gate.set()
        assert len(await asyncio.gather(*jobs[:3])) == 3
