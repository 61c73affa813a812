"""The summary of what is wrong in a form: made from the page, so that it names each field as its label does.

A page writes ``summary(mistake)``. When it is made, each field that is wrong stands in it with its message and its
label; the summary links to them, and has the focus. Messages name a field as REST does: here by its label.
"""

import re
from collections.abc import Mapping
from typing import Final

from fastapi import Request
from markupsafe import Markup, escape

from vault.web.console.mistakes import Mistake, Newer
from vault.web.http.html import environment
from vault.web.http.named import PROBLEMS

_WRONG: Final = re.compile(
    r'<span class="wrong" data-field="([^"]*)" id="([^"]+)">((?:<span lang="en">[^<]*</span>|[^<])*)</span>'
)
_CONTROL: Final = re.compile(r"<(?:input|select|textarea)\b[^<>]*>")
_ID: Final = re.compile(r' id="([^"]+)"')
_DESCRIBED: Final = re.compile(r' aria-describedby="([^"]*)"')
_LABEL: Final = re.compile(r'<label for="([^"]+)">(.{0,500}?)</label>', re.DOTALL)
_TICK: Final = re.compile(
    r'<input type="checkbox"[^<>]* id="([^"]+)"[^<>]*> <span>(.{0,500}?)</span>', re.DOTALL
)
#: Up to its end or another one's beginning: without that, text of beginnings alone would take a quadratic time.
_SELECT: Final = re.compile(r'<select id="([^"]+)"[^<>]*>((?:(?!<select ).)*?)</select>', re.DOTALL)
_OPTION: Final = re.compile(r'<option value="([^"]*)"[^<>]*>([^<]*)</option>')
#: A word, or the name of a field within others.
_NAME: Final = re.compile(r"\w+(?:\.\w+)*")
_DIALOG: Final = re.compile(
    r"<dialog [^<>]* open>\s{0,9}<form [^<>]*>\s{0,9}<h2[^<>]*>.{0,500}?</h2>", re.DOTALL
)


def fill_problems(request: Request, page: str) -> str:
    """Return a page with the summary in the place of its mark, or in the dialog that is open."""
    mistake: Mistake | None = getattr(request.state, "mistake", None)
    if PROBLEMS not in page or mistake is None:
        return page.replace(PROBLEMS, "")
    labels = {
        found[1]: Markup(found[2]).striptags()  # noqa: S704 - it takes the markup away
        for found in (*_LABEL.finditer(page), *_TICK.finditer(page))
    }
    fields = _fields(page)
    problems: list[tuple[str, str, Markup]] = []
    named = set[str]()

    def worded(found: re.Match[str]) -> str:
        field, wrong, text = found.groups()
        named.add(field)
        control = fields.get(wrong, wrong)
        label = labels.get(control, "")
        words = _in_words(text, field, label)
        problems.append((control, label, Markup(words)))  # noqa: S704 - from the page, where it is escaped
        return found[0].replace(text, words)

    page = _WRONG.sub(worded, page)
    whole = [one for one in mistake.all if escape(one.field or "") not in named]
    shown = (
        environment()
        .get_template("console/problems.html")
        .render(
            problems=problems, whole=whole, is_wrong=mistake.is_wrong, asks_to_confirm=mistake.asks_to_confirm
        )
    )
    newer: Newer | None = getattr(request.state, "newer", None)
    if newer is not None:
        shown += _beside(newer, labels, page, request.path_params["account"])
    opened = _DIALOG.search(page)
    if opened is None:
        return page.replace(PROBLEMS, shown, 1).replace(PROBLEMS, "")
    return (page[: opened.end()] + shown + page[opened.end() :]).replace(PROBLEMS, "")


def _beside(newer: Newer, labels: Mapping[str, str], page: str, account: str) -> str:
    """Return what the form and a newer version have in the fields in which they differ, as the page calls them."""
    options = {
        found[1]: {one: Markup(words).striptags() for one, words in _OPTION.findall(found[2])}  # noqa: S704
        for found in _SELECT.finditer(page)
    }

    def words(control: str, value: str) -> str:
        chosen = options.get(control, {}).get(str(escape(value)))
        return value if chosen is None else chosen

    rows = [
        (control, labels[control], words(control, yours), words(control, now))
        for name, (yours, now) in newer.fields.items()
        if (control := f"field-{name}") in labels
    ]
    template = environment().get_template("console/newer.html")
    return template.render(newer=newer, rows=rows, base=f"/console/accounts/{account}")


def _fields(page: str) -> dict[str, str]:
    """Return the id of the field that each message is about."""
    found = dict[str, str]()
    for control in _CONTROL.findall(page):
        described, one = _DESCRIBED.search(control), _ID.search(control)
        if described is not None and one is not None:
            found |= {name: one[1] for name in described[1].split() if name.startswith("wrong-")}
    return found


def _in_words(text: str, field: str, label: str) -> str:
    """Return a message with the label in the place of the name that REST has for a field."""
    name = field.rpartition(".")[2]
    if not label or not name or name.isdecimal():
        return text
    words = f"\u201c{escape(label)}\u201d"
    if "_" in name:
        # The whole name: another field's may begin with it.
        return _NAME.sub(lambda found: words if found[0] == name else found[0], text)
    return words + text[len(name) :] if text.startswith(f"{name} ") else text
