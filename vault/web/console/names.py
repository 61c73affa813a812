"""Fill in the marks of a page (``vault/web/http/named.py``): names, the bell, and what is wrong in a form."""

import re
from collections.abc import Sequence
from typing import Final

from fastapi import Request, Response
from markupsafe import Markup, escape

from vault.errors import Unavailable
from vault.services.names import Name
from vault.web.console.access import Console
from vault.web.console.list_pages import fill_pages
from vault.web.console.needs import Need, needs_of
from vault.web.console.problems import fill_problems
from vault.web.http.auth import vault_of
from vault.web.http.html import environment, time_of
from vault.web.http.named import BELL, KINDS, MARK
from vault.web.http.translations import gettext, translated

#: Pages of things, below the account's, with the scope that opens them.
_PAGES: Final = {
    "rec": ("recordings", "recordings:read"),
    "req": ("requests", "audit:read"),
    "hold": ("holds", "audit:read"),
    "appr": ("approvals", "audit:read"),
    "ep": ("events", "audit:read"),
    "int": ("integrations", "audit:read"),
    "per": ("access/members", "keys:write"),
}


async def fill_marks(request: Request, response: Response) -> None:
    """Put names, the bell and links in the place of the marks of a page; a page of no account has only links."""
    allowed: Console | None = getattr(request.state, "console", None)
    if response.media_type != "text/html":
        return
    page = before = bytes(response.body).decode()
    if allowed is not None:
        if BELL in page:
            page = page.replace(BELL, await _bell(request, allowed))
        page = await _named(request, allowed, fill_problems(request, page))
    page = fill_pages(request, page)
    if page is not before:
        response.body = page.encode()
        response.headers["Content-Length"] = str(len(response.body))


async def _bell(request: Request, allowed: Console) -> str:
    """Return the bell with what needs somebody; without a list where that cannot be read."""
    needs: Sequence[Need] | None = getattr(request.state, "needs", None)
    try:
        found = await needs_of(request, allowed) if needs is None else needs
    except Unavailable:
        found = ()
    return environment().get_template("console/bell.html").render(needs=found, base=allowed.path)


async def _named(request: Request, allowed: Console, page: str) -> str:
    """Return a page with names in the place of ids; each id is in the title of its name."""
    ids = {found[2] for found in MARK.finditer(page)}
    if not ids:
        return page
    try:
        names = await vault_of(request).names.of(
            allowed.account.id, sorted(ids), with_numbers=allowed.allows("recordings:read")
        )
    except Unavailable:
        # What the form did is done: the page says so, with words in the place of names.
        names = {}
    systems = vault_of(request).handover.integrations.systems

    def name(found: re.Match[str]) -> str:
        one = names.get(found[2], Name())
        if found[2].startswith("int_") and (system := systems.get(one.text or "")) is not None:
            one = Name(text=system.title)
        return _shown(allowed, found[2], one, is_link=found[1] == "linked")

    return MARK.sub(name, page)


def _shown(allowed: Console, one: str, name: Name, *, is_link: bool) -> str:
    """Return the markup of a name."""
    prefix = one.partition("_")[0]
    words = _words(prefix, name)
    section, scope = _PAGES.get(prefix, ("", ""))
    if is_link and section and allowed.allows(scope):  # type: ignore[arg-type]
        return Markup('<a class="name" title="{}" href="{}/{}/{}">{}</a>').format(
            one, allowed.path, section, one, words
        )
    return Markup('<bdi class="name" title="{}">{}</bdi>').format(one, words)


def _words(prefix: str, name: Name) -> str | Markup:
    if name.at is None:
        return name.text or translated(KINDS[prefix])
    at = time_of(name.at)
    number = escape(name.text or "")
    if name.is_voicemail:
        sentence = gettext("Voicemail of %(at)s", at=at)
    elif name.text is None:
        sentence = gettext("Call of %(at)s", at=at)
    else:
        sentence = gettext("Call of %(at)s with %(number)s", at=at, number=number)
    return Markup(sentence)  # noqa: S704 - a text of the catalogue with the markup and the escaped number above
