"""The describer's child process: decodes recordings one after the other, within limits it cannot lift.

Children of the describer are forked by its fork server (``fork_server_process.py``); ``prompt.py`` starts one for each
prompt, as ``python -m vault.audio.child FD MEMORY``. A socket is its only connection (``protocol.py``). Decoders are
imported only after the limits are set. It has no key, opens no file, and may die at any time: its parent kills it after
the first protocol violation.
"""

import importlib
import io
import os
import pkgutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import BinaryIO, Final, NoReturn, cast

from vault.audio import confinement
from vault.audio.description import description_payload
from vault.audio.protocol import (
    JOB,
    LAYOUT,
    MEASURES,
    RENDITION,
    JobKind,
    Kind,
    read_spans,
)
from vault.audio.remote import PartnerLost, RemoteFile, receive, send
from vault.domain.recordings.media import wav_header
from vault.domain.recordings.redaction import FrameSpan
from vault.errors import Undecodable

#: The exit status after a MemoryError.
OUT_OF_MEMORY = 3
#: PyAV's command line and its sample downloader, which no decoder imports.
_NO_DECODERS = {"av.__main__", "av.datasets"}


def main() -> None:
    """Confine this process, send READY and do jobs until the parent closes the connection."""
    descriptor, memory = int(sys.argv[1]), int(sys.argv[2])
    confinement.confine(memory)
    warm_up()
    confinement.close_doors()
    serve(descriptor)


def serve(descriptor: int) -> NoReturn:
    """Send READY and do jobs; end this process when the parent closes the connection, or without memory."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=descriptor)
    try:
        send(connection, Kind.READY, b"")
        while True:
            _do_job(connection)
    except (PartnerLost, ConnectionError):
        os._exit(0)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def warm_up() -> None:
    """Import the decoders and run them once: after ``close_doors`` nothing can be imported."""
    import av  # noqa: PLC0415 - the limits must be set first
    import numpy as np  # noqa: PLC0415 - the limits must be set first

    from vault.audio import decoding, echo, keyed_sequences, spans, speech  # noqa: PLC0415 - the same

    # PyAV imports some modules on demand, such as those for subtitles.
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if module.name not in _NO_DECODERS:
            importlib.import_module(module.name)
    silence = io.BytesIO(wav_header(sample_rate=8000, channels=1, samples=800) + bytes(1600))
    description = decoding.describe(silence)
    for _block in decoding.render(silence, decoding.plan_rendition(description)):
        pass
    detector = echo.EchoDetector(description.sample_rate)
    # Silence would not be compared.
    detector.add(bytes(range(256)) * 200)
    detector.detect()
    # In silence there is nothing to look for.
    keyed_sequences.KeyedSequences(8000, 1).add(
        np.frombuffer(bytes(range(256)) * 20, np.int16).reshape(-1, 1)
    )
    for _block in speech.speech(silence, max_duration=1.0):
        pass
    spans.layout(silence)
    spans.measure(silence, [FrameSpan(begin=0, end=1, channels=(0,))], max_duration=1.0)
    try:
        decoding.describe(io.BytesIO(b"\0"))
    except Undecodable:
        return


def _do_job(connection: socket.socket) -> None:
    """Do one job."""
    size, seconds, max_duration, wanted, find_digits = JOB.unpack(receive(connection, Kind.JOB))
    confinement.allow_processor(seconds)
    file = cast("BinaryIO", RemoteFile(connection, size))
    try:
        _work_of(JobKind(wanted), find_digits=find_digits)(connection, file, max_duration)
    except Undecodable as error:
        send(connection, Kind.UNDECODABLE, str(error).encode("ascii"))


def _describe(
    connection: socket.socket, file: BinaryIO, max_duration: float, *, always: bool, find_digits: bool
) -> None:
    """Send the rendition, if one is needed or ``always``, and then the description. Raises Undecodable."""
    from vault.audio import decoding, echo  # noqa: PLC0415 - the limits must be set first

    description = decoding.describe(
        file,
        max_duration=max_duration,
        on_first_samples=partial(send, connection, Kind.DECODED, b""),
        find_digits=find_digits,
    )
    if always:
        description = replace(description, rendition=True)
    if description.rendition:
        plan = decoding.plan_rendition(description)
        head = RENDITION.pack(plan.sample_rate, plan.channels, plan.samples)
        send(connection, Kind.RENDITION, head)
        detector = echo.EchoDetector(plan.sample_rate) if always and plan.channels == echo.CHANNELS else None
        for block in decoding.render(file, plan):
            send(connection, Kind.SAMPLES, block)
            if detector is not None:
                detector.add(block)
        if detector is not None:
            description = replace(description, echo=detector.detect())
    send(connection, Kind.DESCRIPTION, description_payload(description))


def _layout(connection: socket.socket, file: BinaryIO, _max_duration: float) -> None:
    """Send the layout of the samples. Raises Undecodable."""
    from vault.audio.spans import layout  # noqa: PLC0415 - the limits must be set first

    found = layout(file)
    head = LAYOUT.pack(found.first, found.end, found.width, found.channels, found.sample_rate)
    send(connection, Kind.LAYOUT, head)


def _measure(connection: socket.socket, file: BinaryIO, max_duration: float) -> None:
    """Send the measures of the spans that the parent sends next. Raises Undecodable."""
    from vault.audio.spans import measure  # noqa: PLC0415 - the limits must be set first

    found = measure(file, read_spans(receive(connection, Kind.SPANS)), max_duration=max_duration)
    send(connection, Kind.MEASURES, MEASURES.pack(found.samples, found.loudest, found.rest))


def _speech(connection: socket.socket, file: BinaryIO, max_duration: float) -> None:
    """Send the samples of a prompt. Raises Undecodable."""
    from vault.audio.speech import speech  # noqa: PLC0415 - the limits must be set first

    for block in speech(file, max_duration=max_duration):
        send(connection, Kind.SAMPLES, block)
    send(connection, Kind.SPEECH, b"")


_Work = Callable[[socket.socket, BinaryIO, float], None]


def _work_of(kind: JobKind, *, find_digits: bool) -> _Work:
    """Return what does a job of a kind."""
    if kind in (JobKind.DESCRIPTION, JobKind.RENDITION):
        return partial(_describe, always=kind is JobKind.RENDITION, find_digits=find_digits)
    return _WORK[kind]


_WORK: Final[Mapping[JobKind, _Work]] = {
    JobKind.SPEECH: _speech,
    JobKind.LAYOUT: _layout,
    JobKind.MEASURES: _measure,
}

if __name__ == "__main__":
    try:
        main()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
