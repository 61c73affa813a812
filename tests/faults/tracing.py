"""What a process did with its files and sockets, in the order in which the kernel saw it (strace)."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.processes import process, wait_until

_CALLS = (
    "fsync,fdatasync,pwrite64,write,writev,sendmsg,sendto,read,recvfrom,recvmsg,link,linkat,mkdir,mkdirat"
)
_LINE = re.compile(r"(\d+) +(.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_UNFINISHED = "<unfinished ...>"
_SOCKET = re.compile(r"\d+<TCP:\[(.+?)\]>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One system call. ``begun`` and ``ended`` are line numbers: another call may lie in between."""

    begun: int
    ended: int
    #: Name, arguments (files and sockets by name) and result, as strace wrote them.
    text: str

    @property
    def name(self) -> str:
        """Return which system call it is."""
        return self.text.partition("(")[0]

    @property
    def socket(self) -> str | None:
        """Return the two ends of the TCP connection that it is on."""
        found = _SOCKET.search(self.text.partition(",")[0])
        return found[1] if found else None


@contextmanager
def traced(pid: int, trace: Path) -> Iterator[None]:
    """Trace every thread of a running process while the block runs."""
    log = trace.with_suffix(".err")
    command = ["strace", "-f", "-yy", "-s", "4200", "-e", f"trace={_CALLS}", "-o", str(trace), "-p", str(pid)]
    with process(command, log) as strace:
        wait_until(lambda: b"attached" in log.read_bytes(), strace, log, 20)
        yield
        strace.send_signal(signal.SIGINT)
        try:
            strace.wait(20)
        except subprocess.TimeoutExpired:
            strace.kill()


def read_trace(trace: Path) -> list[Call]:
    """Return the calls in the order of their beginnings. Calls that never ended are left out."""
    calls: list[Call] = []
    open_calls: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(trace.read_text(errors="replace").splitlines()):
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        thread, text = found.groups()
        if text.endswith(_UNFINISHED):
            open_calls[thread] = (number, text.removesuffix(_UNFINISHED))
        elif (resumed := _RESUMED.match(text)) and thread in open_calls:
            begun, before = open_calls.pop(thread)
            calls.append(Call(begun=begun, ended=number, text=before + resumed[1]))
        elif "(" in text:
            calls.append(Call(begun=number, ended=number, text=text))
    return sorted(calls, key=lambda call: call.begun)
