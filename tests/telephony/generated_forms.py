"""Forms by chance, for peers that sign them, and everything that can be changed in one on its way."""

import random
from collections.abc import Iterator

#: Names that are each other's beginnings, blanks, escapes, and letters beyond ASCII and beyond 16 bits.
NAMES = ("CallSid", "CallSidX", "To", "From", "A", "AB", "a", "é", "x y", "p[]", "\U0001f600")
VALUES = ("", "+12025550100", "a b", "&=%+", "é", "\U0001f600", "\r\n", "completed", "0", "B")

Pairs = list[tuple[str, str]]


def pairs(chance: random.Random, most: int = 8) -> Pairs:
    """Return one to ``most`` fields, names and values repeated now and then."""
    return [(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randrange(1, most + 1))]


def changes(sent: Pairs, chance: random.Random) -> Iterator[Pairs]:
    """Yield ``sent`` with one field dropped, added, renamed, and with another value."""
    at = chance.randrange(len(sent))
    before, (name, value), after = sent[:at], sent[at], sent[at + 1 :]
    if sent[at] not in before + after:
        yield before + after
    yield [*sent, ("New", "1")]
    yield [*before, (name + "x", value), *after]
    yield [*before, (name, value + "x"), *after]
    yield [*sent, (name, value + "x")]


def flipped(text: str, chance: random.Random) -> str:
    """Return ``text`` with one bit of one character changed."""
    at = chance.randrange(len(text))
    return text[:at] + chr(ord(text[at]) ^ 1 << chance.randrange(7)) + text[at + 1 :]
