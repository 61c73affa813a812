"""Every type of access event is explained on the page about the log."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from vault.domain.audit_log.access_event import EventType

PAGE = Path(__file__).parents[1] / "docs" / "listen-and-audit.md"


def explained() -> Iterator[str]:
    """Yield the types in the first column of the tables; ``.end`` belongs to the family of the type before it."""
    for row in PAGE.read_text().splitlines():
        family = ""
        for name in re.findall(r"`([\w.]+)`", row.split("|")[1] if row.startswith("| ") else ""):
            family = name.partition(".")[0] or family
            yield f"{family}.{name.rpartition('.')[2]}"


def test_every_type_of_event_is_explained() -> None:
    """A new type gets a row, or a word in one; a row names no type that is not there."""
    assert set(explained()) == set(get_args(EventType))
