"""Shapes of hostile text: each grows without limit and is one step of every parser's loop, over and over."""

from collections.abc import Callable, Mapping

Shape = Callable[[int], bytes]


def repeated(piece: bytes, before: bytes = b"") -> Shape:
    """Return a shape: ``before``, and whole pieces up to the wanted size, so that two sizes are of one kind."""
    return lambda size: before + piece * max(1, (size - len(before)) // len(piece))


def _wide(size: int) -> bytes:
    """Return an object of many different keys, which is complete."""
    pairs = b",".join(b'"%07d":0' % index for index in range(max(1, size // 12)))
    return b"{" + pairs + b"}"


JSON: Mapping[str, Shape] = {
    "unterminated string": repeated(b'\\"', b'"'),
    "backslashes": repeated(b"\\", b'"'),
    "quotes": repeated(b'"'),
    "escapes": repeated(b"\\u00e9", b'"'),
    "open arrays": repeated(b"["),
    "open objects": repeated(b'{"a":'),
    "wide array": lambda size: b"[" + b"0," * (size // 2) + b"0]",
    "wide object": _wide,
    "digits": repeated(b"1"),
    "fraction": repeated(b"1", b"0."),
    "spaces": repeated(b" "),
}
TEXT: Mapping[str, Shape] = {
    "letters": repeated(b"a"),
    "digits": repeated(b"1"),
    "zeros": repeated(b"0"),
    "spaces": repeated(b" "),
    "nul": repeated(b"\0"),
    "no utf-8": repeated(b"\xff"),
    "two bytes": repeated("\u00e9".encode()),
    "line feeds": repeated(b"\n"),
    "words": repeated(b"a "),
    "dots": repeated(b"a."),
    "dashes": repeated(b"a-"),
    "colons": repeated(b":"),
    "commas": repeated(b"a,"),
    "semicolons": repeated(b"a;"),
    "slashes": repeated(b"/a"),
    "equals": repeated(b"="),
    "pluses": repeated(b"+"),
    "brackets": repeated(b"["),
    "closing brackets": repeated(b"]"),
    "percents": repeated(b"%41"),
    "base64": repeated(b"QUJD"),
}
FORM: Mapping[str, Shape] = {
    "ampersands": repeated(b"&"),
    "fields": repeated(b"a=b&"),
    "one name": repeated(b"From=a&"),
    "one value": repeated(b"a", b"From="),
    "percents": repeated(b"%41", b"From="),
    "bad percents": repeated(b"%", b"From="),
    "pluses": repeated(b"+", b"From=+"),
}
LINES: Mapping[str, Shape] = {
    "blank lines": repeated(b"\n"),
    "lines": repeated(b"a\n"),
    "paragraphs": repeated(b"a\n\n"),
    "signatures": repeated("\u2014 a AAAA\n".encode(), b"a\n\n"),
    "one line": repeated(b"a"),
    "base64": repeated(b"QUJD"),
}


def within(before: bytes, shapes: Mapping[str, Shape], after: bytes = b"") -> Mapping[str, Shape]:
    """Return shapes that stand where a parser has begun to read: behind ``before`` and in front of ``after``."""

    def placed(shape: Shape) -> Shape:
        return lambda size: before + shape(max(1, size - len(before) - len(after))) + after

    return {f"{name} in {before[-24:]!r}": placed(shape) for name, shape in shapes.items()}
