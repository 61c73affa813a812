"""Looking for what must be gone: in files, byte by byte, with every key that is left."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from vault.domain.stored import encryption_context as bound
from vault.errors import Tampered
from vault.sealing.header import parse_header
from vault.sealing.keys import KEY_BYTES, NamedKey, recording_key
from vault.sealing.opener import Opener
from vault.sealing.wrapping import OVERHEAD, VERSION, unwrap

_WRAPPED = KEY_BYTES + OVERHEAD


def where(needle: bytes, files: Mapping[str, bytes]) -> list[str]:
    """Return the names of the files that hold the needle."""
    return [name for name, content in files.items() if needle in content]


def unwrapped_anywhere(
    files: Iterable[bytes], wrapping_keys: Sequence[NamedKey], account_id: str, recording_id: str
) -> list[bytes]:
    """Try every place in the files as a wrapped key of this recording; return the keys that open."""
    context = bound.of_recording_key(account_id, recording_id)
    found = []
    for content in files:
        for start in _places(content):
            for key in wrapping_keys:
                try:
                    found.append(unwrap(key, content[start : start + _WRAPPED], context))
                except Tampered:
                    continue
    return found


def _places(content: bytes) -> Iterator[int]:
    start = content.find(VERSION)
    while 0 <= start <= len(content) - _WRAPPED:
        yield start
        start = content.find(VERSION, start + 1)


def opens(sealed: bytes, recording_id: str, secret: bytes, size: int) -> bool:
    """Say whether the secret opens a sealed object, whose own header names its context."""
    header = parse_header(sealed)
    try:
        opener = Opener(
            recording_key(recording_id, secret), header, plaintext_length=size, context=header.context
        )
        opener.open(0, size, sealed[slice(*opener.span(0, size))])
    except Tampered:
        return False
    return True
