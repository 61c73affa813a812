"""The forms of a page of the console, as a browser reads them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

#: Fields into which people type.
TYPED = frozenset({"text", "url", "datetime-local", "date", "number", "password", "search", "email"})


@dataclass
class Field:
    """A field of a form."""

    name: str
    kind: str
    id: str = ""
    value: str = ""
    is_invalid: bool = False
    is_required: bool = False
    #: The ids of its hint and of its message.
    described_by: str = ""
    #: Of a choice, what it offers.
    options: list[str] = field(default_factory=list)

    @property
    def is_typed(self) -> bool:
        """Return whether somebody types into it."""
        return self.kind in TYPED or self.kind == "textarea"


@dataclass
class PageForm:
    """A form that is sent by POST, and what it would send."""

    action: str
    kind: str
    fields: list[Field] = field(default_factory=list)
    #: The address of its page.
    page: str = ""

    def sent(self) -> dict[str, str]:
        """Return what a browser would send, but for boxes that are not ticked."""
        return {one.name: one.value for one in self.fields if one.name and one.kind != "off"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._open: PageForm | None = None
        self._area: Field | None = None
        self._select: Field | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = PageForm(given.get("action", ""), given.get("enctype", ""))
            if given.get("method") == "post":
                self.forms.append(self._open)
        if self._open is None or tag not in {"input", "textarea", "select", "option"}:
            return
        if tag == "option":
            if self._select is not None and ("selected" in given or not self._select.value):
                self._select.value = given.get("value", "")
            if self._select is not None:
                self._select.options.append(given.get("value", ""))
            return
        one = Field(
            given.get("name", ""), given.get("type", "text") if tag == "input" else tag, given.get("id", ""),
            given.get("value", ""), given.get("aria-invalid") == "true", "required" in given,
            given.get("aria-describedby", ""),
        )  # fmt: skip
        if one.kind in {"checkbox", "radio"} and "checked" not in given:
            one.kind = "off"
        self._area, self._select = (one if tag == "textarea" else None), (one if tag == "select" else None)
        self._open.fields.append(one)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        if tag == "textarea" and self._area is not None:
            self._area.value, self._area = self._area.value.removeprefix("\n"), None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.value += data


def forms_of(page: str) -> list[PageForm]:
    """Return the forms of a page that are sent by POST."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms
