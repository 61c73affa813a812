"""``callvault serve --processes N``: N server processes that accept connections from one listening socket.

The parent only binds the socket and keeps the processes running: each is a whole node, with its own connections, key
ring and worker, as if it had been started alone. One that dies is replaced; SIGTERM stops all of them in order.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
from asyncio.subprocess import Process
from contextlib import suppress
from datetime import timedelta
from typing import Final

from vault.backoff import Backoff
from vault.errors import StartRefused
from vault.structured_log import Log

_LOG: Final = Log(__name__)
#: Exit status of a process whose start was refused, such as for a wrong setting: another one would be refused too.
_REFUSED: Final = 2
#: The waits before a process is replaced, while each of them dies early.
_BACKOFF: Final = Backoff(first=timedelta(seconds=0.5), most=timedelta(seconds=30))
#: Seconds after which a process did not die early.
_STEADY: Final = 60.0
_BACKLOG: Final = 2048


class Processes:
    """The processes of one ``serve``, and the socket that they share."""

    def __init__(self, listening: socket.socket, options: list[str], *, health_port: int | None) -> None:
        """``options`` are passed on to ``callvault serve``; process i serves /metrics at ``health_port`` + i."""
        self._listening, self._options, self._health_port = listening, options, health_port
        self._running: set[Process] = set()
        self._stopping = asyncio.Event()
        self._refused = False

    async def run(self, count: int) -> None:
        """Keep ``count`` processes running until SIGTERM or SIGINT, then stop them and wait for their end.

        Raises StartRefused if the start of one was refused; it has printed why.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        await asyncio.gather(*(self._keep(number) for number in range(count)))
        if self._refused:
            raise StartRefused("A process refused to start; the line above says why.")

    def _stop(self) -> None:
        """Stop all; a second signal is passed on too, and ends the drain period of each."""
        self._stopping.set()
        for process in self._running:
            process.terminate()

    async def _keep(self, number: int) -> None:
        """Run a process, and another one whenever it has ended."""
        ends, loop = 0, asyncio.get_running_loop()
        while not self._stopping.is_set():
            begun = loop.time()
            status = await self._one(number)
            if self._stopping.is_set():
                return
            if status == _REFUSED:
                self._refused = True
                self._stop()
                return
            _LOG.error("serve.process_ended", status=status)
            ends = 1 if loop.time() - begun > _STEADY else ends + 1
            with suppress(TimeoutError):
                async with asyncio.timeout(_BACKOFF.after(ends).total_seconds()):
                    await self._stopping.wait()

    async def _one(self, number: int) -> int:
        """Run one process to its end and return its exit status."""
        descriptor = self._listening.fileno()
        health = [] if self._health_port is None else ["--health-port", str(self._health_port + number)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vault", "serve", "--socket", str(descriptor), *self._options, *health,
            # Its end of this pipe closes when the parent dies, however it dies.
            stdin=asyncio.subprocess.PIPE, pass_fds=(descriptor,),
        )  # fmt: skip
        self._running.add(process)
        if self._stopping.is_set():
            process.terminate()
        try:
            return await process.wait()
        finally:
            self._running.discard(process)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket, which processes inherit. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def end_with_parent() -> None:
    """Stop this process in order when the parent, which holds the other end of standard input, has ended."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
