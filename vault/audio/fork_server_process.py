"""The describer's fork server: a process with the decoders imported, which forks a child for each account.

Importing takes 0.2 s of CPU time, a fork some milliseconds. The fork server never has a byte of a recording: a
child gets its own end of a socket pair, and the fork server gets only orders, of fixed size, from the process that
started it. ``fork_server.py`` starts it as ``python -m vault.audio.fork_server_process FD MEMORY``.
"""

import errno
import gc
import os
import select
import signal
import socket
import sys
from typing import NoReturn

from vault.audio import confinement
from vault.audio.child import serve, warm_up
from vault.audio.protocol import ANSWER, ORDER, Answer, Order


def main() -> NoReturn:
    """Import the decoders, and fork and kill children as ordered, until the parent closes the connection."""
    descriptor, memory = int(sys.argv[1]), int(sys.argv[2])
    confinement.confine(memory, forks=True)
    warm_up()
    # What the garbage collector does not touch, a child shares with this process.
    gc.freeze()
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=descriptor)
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    children = set[int]()
    control.sendall(ANSWER.pack(Answer.READY, 0, 0))
    # Not select(2): the server's own descriptors decide how large the number of this one is, and that ends at 1023.
    ready = select.poll()
    for readable in (control, woken):
        ready.register(readable, select.POLLIN)
    while True:
        ready_fds = {descriptor for descriptor, _ in ready.poll()}
        if woken.fileno() in ready_fds:
            woken.recv(4096)
            _reap(control, children)
        if control.fileno() in ready_fds:
            _handle_order(control, (woken, waking), children, memory)


def _handle_order(
    control: socket.socket, wake: tuple[socket.socket, socket.socket], children: set[int], memory: int
) -> None:
    """Carry out the next order."""
    order, descriptors, _, _ = socket.recv_fds(control, ORDER.size, 1)
    while 0 < len(order) < ORDER.size:
        rest = control.recv(ORDER.size - len(order))
        if not rest:
            os._exit(0)
        order += rest
    if not order:
        # The children die with this process.
        os._exit(0)
    kind, pid = ORDER.unpack(order)
    if kind == Order.KILL:
        # A process that was reaped is not in the set, so its number can belong to nobody else.
        if pid in children:
            os.kill(pid, signal.SIGKILL)
        return
    if not descriptors:
        # The kernel drops what this process has no room for.
        control.sendall(ANSWER.pack(Answer.FAILED, 0, errno.EMFILE))
        return
    (descriptor,) = descriptors
    fork_server = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        os.close(descriptor)
        control.sendall(ANSWER.pack(Answer.FAILED, 0, error.errno or 0))
        return
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in (control, *wake):
            other.close()
        _run_child(descriptor, memory, fork_server)
    os.close(descriptor)
    children.add(pid)
    control.sendall(ANSWER.pack(Answer.FORKED, pid, 0))


def _run_child(descriptor: int, memory: int, fork_server: int) -> NoReturn:
    """Be the child. Whatever happens, this process ends here."""
    try:
        confinement.confine(memory)
        # The fork server may have died before this process asked to die with it.
        if os.getppid() == fork_server:
            confinement.close_doors()
            serve(descriptor)
    finally:
        os._exit(1)


def _reap(control: socket.socket, children: set[int]) -> None:
    """Report every child that has ended."""
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        children.discard(pid)
        control.sendall(ANSWER.pack(Answer.ENDED, pid, os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    try:
        main()
    except ConnectionError:
        os._exit(0)
