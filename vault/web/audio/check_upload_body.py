"""The body of an audio upload: raw audio, not a form, not text and not empty."""

from collections.abc import AsyncIterator

from fastapi import Request
from starlette.exceptions import HTTPException

from vault.errors import Invalid

_REMEDY = "Send the audio itself as the body, with a Content-Type such as audio/wav (curl: -T FILE)."


class WrongMediaType(HTTPException):
    """The Content-Type is a container around the audio, or not audio."""

    def __init__(self) -> None:
        """Set the status and a message with the remedy."""
        super().__init__(415, f"This Content-Type is not audio. {_REMEDY}")


class WrongContentEncoding(HTTPException):
    """The body is compressed: its bytes are stored as they come, and no decoder would find audio in them."""

    def __init__(self) -> None:
        """Set the status, a message with the remedy, and the encodings that are taken (RFC 9110, 15.5.16)."""
        text = f"This Content-Encoding is not taken: leave it out, or send identity. {_REMEDY}"
        super().__init__(415, text, headers={"Accept-Encoding": "identity"})


def check_media_type(request: Request) -> None:
    """Raise WrongMediaType for a type that cannot be audio. A missing or unknown type is accepted.

    So is ``application/x-www-form-urlencoded``, the default type of curl's ``--data-binary``. Raise
    WrongContentEncoding for any encoding but ``identity``.
    """
    if request.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
        raise WrongContentEncoding
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    top, _, sub = media_type.partition("/")
    if top in {"multipart", "text"} or sub in {"json", "xml"} or sub.endswith(("+json", "+xml")):
        raise WrongMediaType


async def audio_of(request: Request) -> AsyncIterator[bytes]:
    """Return the blocks of the body. Raises Invalid for an empty body, before anything is stored.

    With a declared length nothing is read yet, so a request can still be refused without reading its body.
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
