"""Words of the API in the texts of a page: names of its fields, ids, methods. A person reads none of them."""

import re
from html.parser import HTMLParser
from typing import Final

#: What is data, or is there to be pasted, by its element.
_DATA: Final = frozenset({"code", "pre", "svg", "textarea", "style", "script", "blockquote", "cite", "b"})
#: Addresses, which are there to be opened or pasted.
_ADDRESS: Final = re.compile(r"https?://\S+")
#: A name of a field, an id, a method of HTTP.
_API: Final = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\b(?:POST|PUT|PATCH|DELETE|GET)\b")


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.within: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"input", "br", "meta", "link", "img", "hr", "wbr", "source"}:
            self.within.append(tag)
        self.texts += [value or "" for name, value in attrs if name in {"aria-label", "alt", "placeholder"}]

    def handle_endtag(self, tag: str) -> None:
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not _DATA & set(self.within):
            self.texts.append(data)


def texts_with_api_words(page: str) -> set[str]:
    """Return the texts of a page that have a word of the API."""
    reader = _Texts()
    reader.feed(page)
    return {text.strip() for text in reader.texts if _API.search(_ADDRESS.sub("", text))}
