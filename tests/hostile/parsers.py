"""The table: every parser of the vault that sees foreign bytes, and what it is given.

Of inputs of n, 2n and 4n bytes, at sizes up to what the parser accepts. ``test_growth.py`` measures them, and sees to
it that no call in ``vault/`` that parses is left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tests.hostile.growth import grows_too_fast
from tests.hostile.shapes import Shape
from vault.errors import VaultError

KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One parser, or several of one kind of bytes."""

    name: str
    parse: Callable[[bytes], object]
    shapes: Mapping[str, Shape]
    #: Bytes of the longest input that is tried: what gets so far, or some more.
    limit: int = 64 * KIB

    def too_fast(self) -> dict[str, float]:
        """Return every shape on which the time grows too fast, and how fast."""
        ratios = {name: grows_too_fast(self._calls(shape), self.limit) for name, shape in self.shapes.items()}
        return {name: ratio for name, ratio in ratios.items() if ratio is not None}

    def _calls(self, shape: Shape) -> Callable[[int], Callable[[], object]]:
        return lambda size: partial(self.run, shape(size))

    def run(self, data: bytes) -> None:
        """Parse, and let a refusal pass: what counts is the time. Errors that are a bug are none of these."""
        try:
            self.parse(data)
        except (VaultError, ValueError):
            return


def text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    """Give a parser text, as a header or a query comes: any bytes, as characters."""
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))


def latin(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    """Give a parser a header, as ASGI servers hand it over."""
    return lambda data: parse(data.decode("latin-1"))
