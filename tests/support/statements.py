"""How many statements a piece of work takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def statements() -> Iterator[list[int]]:
    """Count the parameters of each statement that is executed meanwhile; one that runs N times counts N times."""
    counted: list[int] = []

    def note(_connection: Any, _cursor: Any, _text: str, given: Any, _context: Any, _many: bool) -> None:
        # A list is one statement executed for each set; a tuple may hold the rows of one INSERT.
        counted.extend(len(one) for one in (given if isinstance(given, list) else [given]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield counted
    finally:
        event.remove(Engine, "before_cursor_execute", note)
