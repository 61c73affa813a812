"""The parent's side of the describer's template (``template_child.py``), and of the processes that it forks."""

import asyncio
import os
import signal
import socket
from collections import deque
from typing import Self

from vault.audio.children import Clock, python_command, start_confined
from vault.audio.limits import Limits
from vault.audio.template_orders import ANSWER, ORDER, Answer, Order
from vault.errors import DescriberCrashed

_COMMAND = python_command("vault.audio.template_child")


class ForkedProcess:
    """A process that a template forked, as ``asyncio.subprocess.Process`` is one that was started."""

    def __init__(self, template: "Template", pid: int) -> None:
        """Note the process; it runs."""
        self.pid = pid
        self.returncode: int | None = None
        self._template = template
        self._ended = asyncio.Event()

    def kill(self) -> None:
        """Let the template kill it: only its parent knows that the number still is that of this process."""
        self._template.order(Order.KILL, self.pid)

    async def wait(self) -> int:
        """Wait until it is reaped; return its exit status."""
        await self._ended.wait()
        return self.returncode or 0

    def end(self, status: int) -> None:
        """Note its exit status."""
        self.returncode = status
        self._ended.set()


class Template:
    """A running template. ``start`` returns one that is ready."""

    def __init__(
        self, process: asyncio.subprocess.Process, control: socket.socket, reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:  # fmt: skip
        """Take the process, and the parent's end of the socket pair: to send on, and as streams."""
        self._process = process
        self._control = control
        self._reader, self._writer = reader, writer
        self._asked = deque[asyncio.Future[ForkedProcess]]()
        self._running = dict[int, ForkedProcess]()
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    @classmethod
    async def start(cls, limits: Limits) -> Self:
        """Start a template and wait until its decoders are imported. Raises DescriberCrashed and OSError."""
        ours, theirs = socket.socketpair()
        control = ours.dup()
        control.setblocking(False)
        process = None
        try:
            with theirs:
                reader, writer = await asyncio.open_connection(sock=ours)
                process = await start_confined(_COMMAND, theirs, limits)
            await Clock(limits.start).wait(reader.readexactly(ANSWER.size))
        except BaseException as error:
            control.close()
            writer.close()
            if process is not None:
                await _kill(process)
            if isinstance(error, (asyncio.IncompleteReadError, ConnectionError)):
                raise DescriberCrashed("The describer's template did not start.") from error
            raise
        return cls(process, control, reader, writer)

    @property
    def usable(self) -> bool:
        """Tell whether it is running and connected."""
        return not self._listening.done()

    async def fork(self, theirs: socket.socket) -> ForkedProcess:
        """Return a new process with this end of a socket pair. Raises DescriberCrashed and OSError."""
        asked = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        if not self.order(Order.FORK, 0, theirs):
            self._asked.remove(asked)
            raise DescriberCrashed("The describer's template ended.")
        process: ForkedProcess = await asked
        return process

    def order(self, order: Order, pid: int, descriptor: socket.socket | None = None) -> bool:
        """Send an order; return whether the template is there. One that does not read its orders is killed."""
        if not self.usable:
            return False
        descriptors = [] if descriptor is None else [descriptor.fileno()]
        try:
            socket.send_fds(self._control, [ORDER.pack(order, pid)], descriptors)
        except OSError:
            self._process.kill()
            return False
        return True

    async def close(self) -> None:
        """End it, and every process that it forked; wait until it is reaped."""
        self._writer.close()
        await _kill(self._process)
        await self._listening
        self._control.close()

    async def _listen(self) -> None:
        """Take its answers until it ends. Its processes end with it."""
        try:
            while True:
                kind, pid, status = ANSWER.unpack(await self._reader.readexactly(ANSWER.size))
                self._take(Answer(kind), pid, status)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            for process in self._running.values():
                process.end(-signal.SIGKILL)
            self._running.clear()
            for asked in self._asked:
                if not asked.done():
                    asked.set_exception(DescriberCrashed("The describer's template ended."))

    def _take(self, kind: Answer, pid: int, status: int) -> None:
        if kind is Answer.ENDED:
            self._running.pop(pid).end(status)
            return
        asked = self._asked.popleft()
        if kind is Answer.FAILED:
            if not asked.done():
                asked.set_exception(OSError(status, os.strerror(status)))
            return
        process = self._running[pid] = ForkedProcess(self, pid)
        if asked.done():
            # Whoever asked was cancelled.
            process.kill()
        else:
            asked.set_result(process)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill a process, and wait until it is reaped."""
    if process.returncode is None:
        process.kill()
    await process.wait()
