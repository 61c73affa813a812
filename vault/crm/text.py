"""The text of a record: the fields of a hand-over in lines, cut to a length, escaped for the system that shows it.

Titles hold no number and no name: systems repeat them in notifications and lists.
"""

import html
import re
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Final

from vault.domain.crm.handover import Handover

#: Characters of a whole text, before it is escaped. Every system takes as many.
MAX_TEXT: Final = 8000
MAX_VALUE: Final = 200
_CUT: Final = " […]"
RESTRICTED: Final = "The recording of this call is restricted."
#: What a record says between the removal of its text and its own.
REMOVED: Final = "This entry was removed."
#: What template languages of the systems (Liquid and others) look for.
_TEMPLATE: Final = re.compile(r"\{(?=[{%#])")
_MINUTE: Final = 60


def title_of(handover: Handover) -> str:
    """Return the title, such as ``Inbound call, 3:03``."""
    if handover.state == "restricted":
        return "Call (restricted)"
    kind = {"inbound": "Inbound call", "outbound": "Outbound call"}.get(handover.direction or "", "Call")
    return kind if handover.duration is None else f"{kind}, {clock(handover.duration)}"


def clock(duration: timedelta) -> str:
    """Return a duration as minutes and seconds."""
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), _MINUTE)
    return f"{minutes}:{seconds:02}"


def lines_of(handover: Handover, *, limit: int = MAX_TEXT) -> Sequence[tuple[str, str]]:
    """Return labels and values, ``limit`` characters at most; the notes are what is cut.

    The address and the id come last: by the id a record is found again.
    """
    end = (("Recording", handover.address), ("Reference", handover.id))
    if handover.state == "restricted":
        return (("", RESTRICTED), *end)
    fields = (
        ("Agent", handover.agent),
        ("From", handover.caller),
        ("To", handover.callee),
        ("Started", f"{handover.started_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"),
        ("Duration", None if handover.duration is None else clock(handover.duration)),
    )
    lines = [(label, plain(value, limit=MAX_VALUE)) for label, value in fields if value]
    left = limit - sum(len(label) + len(value) + 4 for label, value in (*lines, *end)) - len("Notes: ")
    notes = plain("\n".join(_first(handover.notes, limit)), limit=max(0, left))
    return (*lines, *([("Notes", notes)] if notes else []), *end)


def _first(notes: Sequence[str], limit: int) -> list[str]:
    """Return no more of the notes than can be shown, so that long ones cost no more than short ones."""
    return [note[: limit + 1] for note in notes[: limit + 1]]


def plain(text: str, *, limit: int) -> str:
    """Return text without control characters and templates, cut to ``limit`` characters."""
    shown = "".join(one if one == "\n" or one.isprintable() else " " for one in text[: limit + 1])
    shown = _TEMPLATE.sub("{ ", shown).strip()
    return shown if len(shown) <= limit else shown[: max(0, limit - len(_CUT))] + _CUT[: max(0, limit)]


def as_plain(lines: Sequence[tuple[str, str]]) -> str:
    """Return lines as plain text."""
    return "\n".join(f"{label}: {value}" if label else value for label, value in lines)


def as_html(lines: Sequence[tuple[str, str]]) -> str:
    """Return lines as HTML with line breaks and no other element; nothing of a value is markup."""
    return html.escape(as_plain(lines)).replace("\n", "<br>")
