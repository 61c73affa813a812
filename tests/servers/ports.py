"""Free TCP ports on loopback."""

import os
import re
import socket
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final

#: Below these are ports of known services; 10080 is one that browsers refuse to open.
_LOWEST: Final = 11_000
#: Where the kernel begins to give ports to outgoing connections and to sockets that ask for any, if it does not say.
_EPHEMERAL: Final = 32_768
#: The name of a worker of pytest-xdist, such as gw3, which its child processes have too; and the shares of the ports.
_WORKER: Final = "PYTEST_XDIST_WORKER"
_SHARES: Final = 16
_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


class _Places:
    """The ports that this process tries, one after the other."""

    def __init__(self) -> None:
        """Begin with the first use: a process that is forked meanwhile begins at a place of its own."""
        self._process: int | None = None
        self._ports: Iterator[int] = iter(())

    def __next__(self) -> int:
        if self._process != os.getpid():
            self._process = os.getpid()
            self._ports = _candidates(self._process)
        return next(self._ports)


def _candidates(process: int) -> Iterator[int]:
    try:
        end = int(_RANGE.read_text().split()[0])
    except OSError:
        end = _EPHEMERAL
    ports = range(_LOWEST, end) or range(_LOWEST, _EPHEMERAL)
    if number := re.search(r"\d+", os.environ.get(_WORKER, "")):
        # Workers of one run have ports of their own: none takes one that another chose and has not bound yet.
        size, share = len(ports) // _SHARES, int(number[0]) % _SHARES
        ports = ports[share * size : (share + 1) * size]
    # 7919 is a prime number: processes that start one after the other are far from each other.
    begin = process * 7919 % len(ports)
    return cycle([*ports[begin:], *ports[:begin]])


_PLACES: Final = _Places()


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, all different, and that this process does not return again soon.

    A server binds its port some time after it was chosen, and again after each restart. These are ports that the
    kernel gives to nobody, so that none of them is the port of somebody's outgoing connection by then.
    """
    found: list[int] = []
    while len(found) < count:
        port = next(_PLACES)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found
