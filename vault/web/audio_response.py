"""Audio as a response: Range, conditions, and a stream that ends when its reader does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from vault.web.byte_range import parse_range
from vault.web.conditions import unmet
from vault.workflows.stream import Sound, Stream

#: Seconds that a reader may take no byte before the stream is given up.
_STALLED = 60.0


class _Blocks(StreamingResponse):
    """Sends blocks, each within a deadline, and closes the iterator whatever happens."""

    async def stream_response(self, send: Send) -> None:
        """Send head and body. StreamingResponse cancels this when the client disconnects."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        left, more = int(self.headers["content-length"]), True
        async with aclosing(self.body_iterator) as blocks:  # type: ignore[type-var]
            async for block in blocks:
                left -= len(block)
                more = left > 0
                # The last block ends the answer, so that the connection's next request does not wait
                # until the log has heard what was sent.
                async with asyncio.timeout(_STALLED):
                    await send({"type": "http.response.body", "body": block, "more_body": more})
        if more:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def answer(request: Request, sound: Sound, stream: Stream, *, filename: str | None = None) -> Response:
    """Answer a GET or HEAD for audio. Raises NotSatisfiable, and what ``stream`` raises before the head.

    Nothing is granted for HEAD, 304, 412 and 416: no byte leaves. Of HEAD a Range is ignored (RFC 9110, 14.2).
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
    blocks: AsyncIterator[bytes] = await stream(sound, start, end)
    return _Blocks(blocks, status_code=status, headers=headers)
