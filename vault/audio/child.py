"""The describer's child: decodes recordings one after the other, within limits it cannot lift.

Started as ``python -m vault.audio.child FD MEMORY`` by ``children.py``, with a socket as its only door
(``protocol.py``). It imports nothing that could decode before its limits stand. It holds no key, opens no
file, and may die at any moment: its parent kills it after the first thing that is out of order.
"""

import io
import os
import socket
import sys
from typing import BinaryIO, cast

from vault.audio import confinement, riff
from vault.audio.protocol import JOB, RENDITION, Kind, description_payload
from vault.audio.remote import PartnerLost, RemoteFile, receive, send
from vault.errors import Undecodable

#: The exit status that says: not enough memory.
OUT_OF_MEMORY = 3


def main() -> None:
    """Confine this process, say READY and work until the parent hangs up."""
    descriptor, memory = int(sys.argv[1]), int(sys.argv[2])
    confinement.confine(memory)
    _warm_up()
    confinement.close_doors()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=descriptor)
    send(connection, Kind.READY, b"")
    while True:
        _work(connection)


def _warm_up() -> None:
    """Import the decoders and run through them once: nothing can be imported with the doors closed."""
    from vault.audio import decoding  # noqa: PLC0415 - limits come first

    silence = io.BytesIO(riff.header(sample_rate=8000, channels=1, samples=800) + bytes(1600))
    description = decoding.describe(silence)
    for _block in decoding.render(silence, decoding.plan_rendition(description)):
        pass
    try:
        decoding.describe(io.BytesIO(b"\0"))
    except Undecodable:
        return


def _work(connection: socket.socket) -> None:
    """Do one job."""
    from vault.audio import decoding  # noqa: PLC0415 - limits come first

    size, seconds, max_duration = JOB.unpack(receive(connection, Kind.JOB))
    confinement.allow_processor(seconds)
    file = cast("BinaryIO", RemoteFile(connection, size))
    try:
        description = decoding.describe(file, max_duration=max_duration)
        if description.rendition:
            plan = decoding.plan_rendition(description)
            head = RENDITION.pack(plan.sample_rate, plan.channels, plan.samples)
            send(connection, Kind.RENDITION, head)
            for block in decoding.render(file, plan):
                send(connection, Kind.SAMPLES, block)
    except Undecodable as error:
        send(connection, Kind.UNDECODABLE, str(error).encode("ascii"))
    else:
        send(connection, Kind.DESCRIPTION, description_payload(description))


if __name__ == "__main__":
    try:
        main()
    except (PartnerLost, ConnectionError):
        os._exit(0)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
