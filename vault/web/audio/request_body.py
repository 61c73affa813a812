"""The body of a request that sends audio: the audio itself, not a form around it, not a text, and not nothing."""

from collections.abc import AsyncIterator

from fastapi import Request
from starlette.exceptions import HTTPException

from vault.errors import Invalid

_REMEDY = "Send the audio itself as the body, with a Content-Type such as audio/wav (curl: -T FILE)."


class WrongMediaType(HTTPException):
    """The body is something around the audio, or no audio."""

    def __init__(self) -> None:
        """Say what to do instead."""
        super().__init__(415, f"A body of this Content-Type is not audio. {_REMEDY}")


def check_media_type(request: Request) -> None:
    """Raise WrongMediaType for what cannot be audio. No type, or one that nobody knows, may be audio.

    So may ``application/x-www-form-urlencoded``: curl's ``--data-binary`` calls every body that.
    """
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    top, _, sub = said.partition("/")
    if top in {"multipart", "text"} or sub in {"json", "xml"} or sub.endswith(("+json", "+xml")):
        raise WrongMediaType


async def audio_of(request: Request) -> AsyncIterator[bytes]:
    """Return the blocks of the body. Raises Invalid for an empty body, before anything of it is stored.

    Where a length is declared nothing is read yet, so that a refusal by the head alone stays one.
    """
    declared = request.headers.get("content-length")
    blocks = request.stream()
    if declared is not None and declared.isdigit() and int(declared):
        return blocks
    async for first in blocks:
        if first:
            return _chained(first, blocks)
    raise Invalid(f"The body is empty. {_REMEDY}", field="body")


async def _chained(first: bytes, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for block in blocks:
        yield block
