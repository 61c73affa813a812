"""The access log for a SIEM: each leaf with its index, and each checkpoint, as JSON or as RFC 5424.

The value of ``event`` is the leaf to the last byte, so that a collector can compute the root that a checkpoint signs.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.domain.audit_log.access_event import parse_event
from vault.rfc3339 import write_rfc3339

#: Facility 13 (log audit), severity 6 (informational).
_PRIORITY: Final = 13 * 8 + 6
_APP_NAME: Final = "callvault"
_MAX_ID: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: JSON without a line break, of ASCII."""

    at: datetime
    #: Its type of event, or ``checkpoint``.
    name: str
    text: str


def line_of_leaf(index: int, leaf: bytes) -> Line:
    """Return the line of a leaf. Raises ValueError for bytes that are none."""
    event = parse_event(leaf)
    return Line(at=event.at, name=event.type, text=f'{{"index":{index},"event":{leaf.decode("ascii")}}}')


def line_of_checkpoint(size: int, note: bytes, at: datetime) -> Line:
    """Return the line of a checkpoint: the signed note, after the last leaf that it covers."""
    text = json.dumps({"size": size, "checkpoint": note.decode()}, separators=(",", ":"))
    return Line(at=at, name="checkpoint", text=text)


def as_json(line: Line) -> bytes:
    """Return a line of JSON lines."""
    return line.text.encode("ascii") + b"\n"


def as_syslog(line: Line, host: str) -> bytes:
    """Return a message of RFC 5424, framed by its length in bytes (RFC 5425, 4.3)."""
    at = write_rfc3339(line.at, "microseconds")
    head = f"<{_PRIORITY}>1 {at} {host or '-'} {_APP_NAME} - {line.name[:_MAX_ID]} - "
    message = (head + line.text).encode("ascii")
    return f"{len(message)} ".encode() + message
