"""Checks that FFmpeg does not make: whether a file is audio at all, and whether its end is missing."""

from typing import BinaryIO

from vault.audio.reasons import Reason
from vault.errors import Undecodable

#: Bytes that are checked for text.
SNIFFED = 512
#: Shorter files are not classified as text: they may be the start of an audio file.
MIN_TEXT_BYTES = 16
#: Bytes at the end that contain the last Ogg page: a page has at most 65,307 bytes (RFC 3533, section 6).
OGG_TAIL = 65_307 + 27
#: The fixed part of an Ogg page header.
OGG_HEADER = 27
#: Bytes of an ID3v2 header.
ID3_HEADER = 10
#: Bytes after the ID3 tag that contain an MP3 file's first frame: the largest frame is shorter.
MP3_FRAME = 4096


def refuse_non_audio(file: BinaryIO) -> None:
    """Raise Undecodable for an empty file and for text: FFmpeg would only report "invalid data"."""
    file.seek(0)
    head = file.read(SNIFFED)
    if not head:
        raise Undecodable(Reason.EMPTY)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    words = b" ".join(head.split())
    plain = len(head) >= MIN_TEXT_BYTES and words.isascii() and words.decode("ascii").isprintable()
    if plain or text.startswith(b"<"):
        raise Undecodable(Reason.TEXT)


def has_xing(file: BinaryIO) -> bool:
    """Tell whether an MP3 file states its length, in a Xing or Info frame before the audio."""
    file.seek(0)
    head = file.read(ID3_HEADER)
    start = 0
    if head[:3] == b"ID3" and len(head) == ID3_HEADER:
        # A synchsafe integer: four times seven bits (ID3v2.4, section 3.1).
        for byte in head[6:]:
            start = start << 7 | byte & 0x7F
        start += ID3_HEADER
    file.seek(start)
    frame = file.read(MP3_FRAME)
    return b"Xing" in frame or b"Info" in frame


def cut_short(file: BinaryIO, container: str) -> bool:
    """Tell whether an Ogg file ends within a page, which FFmpeg does not report."""
    if container != "ogg":
        return False
    size = file.seek(0, 2)
    start = file.seek(max(0, size - OGG_TAIL))
    tail = file.read(OGG_TAIL)
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + OGG_HEADER:
        return True
    lacing = tail[page + OGG_HEADER : page + OGG_HEADER + tail[page + OGG_HEADER - 1]]
    end = start + page + OGG_HEADER + tail[page + OGG_HEADER - 1] + sum(lacing)
    return end > size
