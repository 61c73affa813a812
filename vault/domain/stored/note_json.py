"""JSON of a note, as it is sealed: the moment in whole milliseconds, and the text."""

from typing import Any

from vault.domain.playback.note import NoteContent
from vault.domain.stored.json_reader import read_object, write_object


def encode_note(content: NoteContent) -> bytes:
    """Encode a note."""
    values: dict[str, Any] = {"at_ms": round(content.at * 1000)}
    return write_object(values if content.text is None else values | {"text": content.text})


def decode_note(data: bytes) -> NoteContent:
    """Decode a note. Raises Tampered."""
    fields = read_object(data, "A note")
    content = NoteContent(
        at=fields.integer("at_ms", least=0) / 1000, text=fields.optional(fields.text, "text")
    )
    fields.done()
    return content
