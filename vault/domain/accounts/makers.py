"""Who has ever set a connection: it may serve every one of them, whoever changes it later."""

from typing import Final

#: The most who are told apart, of one connection and of a whole line of makers. Who is behind more is not known.
MAX_MAKERS: Final = 64
#: A maker of whom nothing is known any more.
NOT_KNOWN: Final = ""


def add_makers(makers: tuple[str, ...], *more: str | None) -> tuple[str, ...]:
    """Return makers with others, oldest first, each once; one more than MAX_MAKERS stands for all beyond them."""
    each = dict.fromkeys(name for name in (*makers, *more) if name is not None)
    return tuple(each)[: MAX_MAKERS + 1]
