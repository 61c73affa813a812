"""The fork server of the describer's children: what it forks, when it hangs or dies, and what it leaves behind."""

import asyncio
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.audio.pool import PCM, pids
from tests.servers.required import go_without
from tests.support.plaintext import Sink, Source
from vault.audio.describer import SubprocessDescriber
from vault.audio.fork_server import ForkServer
from vault.audio.limits import Limits
from vault.audio.protocol import ANSWER, Answer
from vault.errors import DescriberCrashed, Unavailable


async def test_children_are_forked_by_one_fork_server():
    """A job for another account starts no interpreter, and imports no decoder again."""
    async with SubprocessDescriber(size=2) as describer:
        parents = set[int]()
        for account in ("acc_a", "acc_b", "acc_c"):
            await describer.describe(Source(PCM), Sink(), account_id=account)
            parents |= {psutil.Process(pid).ppid() for pid in await pids(describer)}
        (server,) = parents
        assert psutil.Process(server).ppid() == os.getpid()
    assert not psutil.pid_exists(server)


@pytest.fixture
def raised_limit():
    """Allow this process 2,048 descriptors, if it may have fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, 2048)
    if 0 <= hard < wanted:  # Infinity is -1.
        go_without("needs 2,048 open files: ulimit -Hn 2048")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def has_ended(process):
    """Return whether a process is gone, or waits to be reaped by somebody else."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_fork_server_that_died_is_replaced_before_the_job():
    """Its children die with it; nobody loses a recording by it."""
    async with SubprocessDescriber() as describer:
        (pid,) = await pids(describer)
        child = psutil.Process(pid)
        server = child.parent()
        server.kill()
        await describer._idle[0].process.wait()
        found = await describer.describe(Source(PCM), Sink(), account_id="acc_a")
        assert found.duration == 1.0
        assert psutil.Process((await pids(describer))[0]).ppid() != server.pid
        async with asyncio.timeout(30):
            while not has_ended(child):
                await asyncio.sleep(0.01)


async def test_a_server_with_thousands_of_descriptors_starts_a_fork_server(raised_limit):
    """The number of the fork server's own is then above 1023, which select(2) cannot take."""
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        async with SubprocessDescriber(size=2) as describer:
            for account in ("acc_a", "acc_b"):
                found = await describer.describe(Source(PCM), Sink(), account_id=account)
                assert found.duration == 1.0
    finally:
        for descriptor in taken:
            os.close(descriptor)


async def test_a_fork_that_is_cancelled_leaves_no_process():
    """At whatever step: the fork server kills what nobody waits for, and goes on."""
    async with SubprocessDescriber() as describer:
        (pid,) = await pids(describer)
        server = psutil.Process(pid).parent()
        for steps in range(12):
            task = asyncio.create_task(describer._spawn())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            # Beside other load it may be ready before.
            with suppress(asyncio.CancelledError):
                (await task).kill()
        async with asyncio.timeout(30):
            while [child.pid for child in server.children()] != [pid]:
                await asyncio.sleep(0.01)
        found = await describer.describe(Source(PCM), Sink(), account_id="acc_a")
        assert found.duration == 1.0


async def test_a_fork_server_without_room_is_no_fault_of_the_file():
    """The job fails as one that is done again later, and the fork server goes on."""
    async with SubprocessDescriber() as describer:
        (pid,) = await pids(describer)
        server = psutil.Process(pid).ppid()
        resource.prlimit(server, resource.RLIMIT_NOFILE, (4, 64))
        await describer.describe(Source(PCM), Sink(), account_id="acc_a")
        with pytest.raises(Unavailable):
            await describer.describe(Source(PCM), Sink(), account_id="acc_b")
        resource.prlimit(server, resource.RLIMIT_NOFILE, (64, 64))
        await describer.describe(Source(PCM), Sink(), account_id="acc_b")
        assert psutil.Process((await pids(describer))[0]).ppid() == server


def descriptors():
    """Return the open descriptors of this process."""
    return set(Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("steps", range(4))
async def test_a_start_that_is_cancelled_leaves_no_socket(steps):
    """Before its streams are open as well: the error is the cancellation, and every descriptor is closed."""
    before = descriptors()
    task = asyncio.create_task(ForkServer.start(Limits()))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):
        while descriptors() - before:
            await asyncio.sleep(0.01)


async def suspended(describer):
    """Stop the fork server, which then answers nothing though its socket takes orders; allow it 0.2 s for a fork."""
    (pid,) = await pids(describer)
    server = psutil.Process(pid).ppid()
    os.kill(server, signal.SIGSTOP)
    describer._fork_server.fork_seconds = 0.2
    return server


async def test_a_fork_server_that_hangs_is_replaced():
    """The job that waits for a fork can be done again later, and the next one gets a child of a new fork server."""
    async with asyncio.timeout(60), SubprocessDescriber() as describer:
        await describer.describe(Source(PCM), Sink(), account_id="acc_a")
        server = await suspended(describer)
        with pytest.raises(Unavailable):
            await describer.describe(Source(PCM), Sink(), account_id="acc_b")
        found = await describer.describe(Source(PCM), Sink(), account_id="acc_b")
        assert found.duration == 1.0
        assert psutil.Process((await pids(describer))[0]).ppid() != server
    assert not psutil.pid_exists(server)


async def test_a_fork_server_that_hangs_does_not_hold_up_the_end():
    """It kills no child as ordered: its children die with it."""
    describer = SubprocessDescriber()
    await describer.start()
    (child,) = [psutil.Process(pid) for pid in await pids(describer)]
    server = await suspended(describer)
    describer.limits = Limits(start=0.2)
    async with asyncio.timeout(60):
        await describer.close()
        while not has_ended(child):
            await asyncio.sleep(0.01)
    assert not psutil.pid_exists(server)


#: A fork server that answers the bytes of its first argument, and stays.
ANSWERS = """
import socket, sys
control = socket.socket(fileno=int(sys.argv[2]))
control.sendall(bytes.fromhex(sys.argv[1]))
control.recv(1)
control.recv(1)
"""
READY = ANSWER.pack(Answer.READY, 0, 0)


def answering(monkeypatch, data):
    """Let fork servers be processes that answer these bytes."""
    command = (sys.executable, "-c", ANSWERS, data.hex())
    monkeypatch.setattr("vault.audio.fork_server._COMMAND", command)


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER.pack(Answer.ENDED, 7, 0),
        ANSWER.pack(Answer.FORKED, 7, 0),
        ANSWER.pack(9, 7, 0),
        ANSWER.pack(Answer.READY, 0, 0),
    ],
    ids=["an unknown process ended", "forked without an order", "no kind", "ready again"],
)
async def test_a_fork_server_with_a_wrong_answer_is_killed(monkeypatch, answer):
    """What waits for it is told, and its end raises nothing."""
    answering(monkeypatch, READY + answer)
    server = await ForkServer.start(Limits())
    async with asyncio.timeout(30):
        while server.usable:
            await asyncio.sleep(0.01)
        here, there = socket.socketpair()
        with here, there, pytest.raises(DescriberCrashed):
            await server.fork(there)
        await server.close()
    assert not psutil.pid_exists(server._process.pid)


async def test_a_fork_server_that_is_not_ready_does_not_start(monkeypatch):
    """Its first answer says something else."""
    answering(monkeypatch, ANSWER.pack(Answer.FORKED, 7, 0))
    with pytest.raises(DescriberCrashed, match="is wrong"):
        await ForkServer.start(Limits())
