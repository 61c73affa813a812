"""Forms as files and as bodies of deliveries, for the providers that send forms."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

#: What stands in for a value: no id, no URL, no time, no number, and what breaks lines and readers.
WRONG = (
    "",
    " ",
    "-1",
    "1.5",
    "9" * 40,
    "y" * 5000,
    "x\x00\r\n\u202e",
    "\u0660",
    "../../x",
    "https://u:p@x/",
    "http://[::1",
    "Mon, 99 Foo 2026 25:61:61 +9999",
    "Thu, 01 Jan 1970 00:00:00 +0000",
    "0001-01-01T00:00:00Z",
    "completed",
)


def load(folder: Path, name: str) -> dict[str, str]:
    """Return a recorded form; each of its fields stands once, on a line of its own."""
    body = (folder / "payloads" / f"{name}.form").read_text().replace("\n", "")
    return dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))


def encode(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> bytes:
    """Return the body that a browser would send."""
    return urlencode(list(pairs.items() if isinstance(pairs, Mapping) else pairs)).encode()


def malformed(form: Mapping[str, str]) -> Iterator[list[tuple[str, str]]]:
    """Yield ``form`` with each field left out, said twice, or replaced by what it is not."""
    for name in form:
        others = [(key, value) for key, value in form.items() if key != name]
        yield others
        for wrong in WRONG:
            yield [*others, (name, wrong)]
            yield [*form.items(), (name, wrong)]
