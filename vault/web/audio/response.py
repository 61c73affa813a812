"""Audio responses: one byte range (RFC 9110, 14), conditional requests, a stream that ends with its client."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import aclosing
from typing import Protocol, cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from vault.domain.playback.link import MAX_WINDOW
from vault.domain.playback.pace import UNSTATED, Pace
from vault.errors import NotSatisfiable
from vault.services.playback.audio_parts import AudioPart
from vault.services.playback.playable_audio import PlayableAudio
from vault.web.http.conditions import unmet

#: Timeout for sending one piece to a client that does not read, in seconds.
_WRITE_TIMEOUT = 60.0
#: Seconds between two pieces that a player gets.
_PIECE_SECONDS = 2.0
#: Values of Sec-Fetch-Dest for media elements (Fetch Metadata Request Headers, section 2.1).
_PLAYERS = {"audio", "video"}
pause, monotonic = asyncio.sleep, time.monotonic


class Stream(Protocol):
    """Returns the blocks of a byte range of the audio, granted in windows of at most ``longest`` bytes."""

    def __call__(
        self, audio: PlayableAudio, start: int, end: int, *, longest: int
    ) -> Awaitable[AsyncIterator[bytes]]:
        """Raises what the service raises before the first byte."""


_RANGE = re.compile(r"([0-9]{0,128}+)-([0-9]{0,128}+)", re.ASCII)
#: Max characters of the header: positions have no upper limit, and numbers of this length are still fast to parse.
_MAX_LENGTH = 128


class _Blocks(StreamingResponse):
    """Sends blocks, each with a timeout, and always closes the iterator."""

    pace: Pace | None = None

    def _pieces(self, block: bytes) -> Iterator[bytes]:
        """Split a block to keep the pauses short: proxies drop a stream that is idle for a minute."""
        step = len(block) if self.pace is None else max(1, int(self.pace.rate * _PIECE_SECONDS))
        return (block[start : start + step] for start in range(0, len(block), step))

    async def stream_response(self, send: Send) -> None:
        """Send head and body. StreamingResponse cancels the task when the client disconnects."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        length = left = int(self.headers["content-length"])
        more, begun = True, monotonic()
        async with aclosing(self.body_iterator) as blocks:  # type: ignore[type-var]
            async for block in blocks:
                for piece in self._pieces(cast("bytes", block)):
                    left -= len(piece)
                    more = left > 0
                    # The last piece ends the response, so that the connection's next request does not wait
                    # until the sent range is recorded in the access log.
                    async with asyncio.timeout(_WRITE_TIMEOUT):
                        await send({"type": "http.response.body", "body": piece, "more_body": more})
                    if more and self.pace is not None:
                        await pause(self.pace.pause(length - left, monotonic() - begun))
        if more:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def answer(
    request: Request,
    sound: PlayableAudio,
    stream: Stream,
    *,
    filename: str | None = None,
    speed: float | None = None,
) -> Response:
    """Answer a GET or HEAD for audio. Raises NotSatisfiable, and the errors of ``stream`` before the head.

    A media element of a browser, recognized by ``Sec-Fetch-Dest``, and a player that states its ``speed`` are
    rate-limited by their pace; other clients get the audio as fast as they read it.

    HEAD, 304, 412 and 416 send no audio, so nothing is granted for them. HEAD ignores Range (RFC 9110, 14.2).
    """
    etag = f'"{sound.etag}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Content-Type": sound.content_type,
        "Content-Disposition": f'attachment; filename="{filename}"' if filename else "inline",
    }
    if (answered := unmet(request.headers, etag, headers)) is not None:
        return answered
    wanted = request.headers.get("range") if request.method == "GET" else None
    if (condition := request.headers.get("if-range")) is not None and condition.strip() != etag:
        wanted = None
    part = parse_range(wanted, sound.size)
    start, end = part or (0, sound.size)
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{sound.size}"
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    pace = None if filename else _pace(request, sound, speed)
    blocks = await stream(sound, start, end, longest=MAX_WINDOW if pace is None else pace.window)
    response = _Blocks(blocks, status_code=status, headers=headers)
    response.pace = pace
    return response


async def answer_part(sound: PlayableAudio, part: AudioPart, stream: Stream) -> Response:
    """Answer a GET for a part, which is a file of its own: no range of it, and nothing that a cache keeps.

    Raises the errors of ``stream`` before the head.
    """
    size = len(part.header) + part.end - part.start
    headers = {"Content-Type": "audio/wav", "Content-Length": str(size), "Cache-Control": "no-store"}
    blocks = await stream(sound, part.start, part.end, longest=MAX_WINDOW)
    return _Blocks(_with(part.header, blocks), headers=headers)


async def _with(header: bytes, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    # The end of the request is logged where the blocks are closed.
    async with aclosing(blocks):  # type: ignore[type-var]
        yield header
        async for block in blocks:
            yield block


def _pace(request: Request, sound: PlayableAudio, speed: float | None) -> Pace | None:
    """Return the pace of a player; None for other clients, and where the duration is unknown."""
    is_player = speed is not None or request.headers.get("sec-fetch-dest") in _PLAYERS
    if not is_player or not sound.duration:
        return None
    return Pace.of(
        size=sound.size, duration=sound.duration, is_steady=sound.is_steady, speed=speed or UNSTATED
    )


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the range [start, end) of a representation of ``size`` bytes; None for all of it.

    Other units, and a list of several ranges of which one can be satisfied, get the whole file with 200, which RFC
    9110 (14.2) allows; access is still granted window by window. Raises NotSatisfiable for a
    header that is malformed or too long, and for a range outside the representation.
    """
    if header is None or not header.lower().startswith("bytes="):
        return None
    if len(header) > _MAX_LENGTH:
        raise NotSatisfiable(size)
    # Empty list elements are ignored (RFC 9110, 5.6.1.2).
    elements = (element.strip(" \t") for element in header[6:].split(","))
    matches = [_RANGE.fullmatch(element) for element in elements if element]
    asked = [match.groups() for match in matches if match is not None and match.groups() != ("", "")]
    backwards = any(first and last and int(last) < int(first) for first, last in asked)
    found = [part for first, last in asked if (part := _part(first, last, size)) is not None]
    if len(asked) < len(matches) or backwards or not found:
        raise NotSatisfiable(size)
    return found[0] if len(matches) == 1 else None


def _part(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Return the satisfiable part of a well-formed range; None if it has none."""
    if not first:
        length = min(int(last), size)
        return (size - length, size) if length else None
    start = int(first)
    return (start, min(int(last) + 1, size) if last else size) if start < size else None
