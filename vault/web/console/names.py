"""Fill in the names on a page, in the place of ids (``vault/web/http/named.py``): the id itself is in the title."""

import re
from typing import Final

from fastapi import Request, Response
from markupsafe import Markup, escape

from vault.errors import Unavailable
from vault.services.names import Name
from vault.web.console.access import Console
from vault.web.http.auth import vault_of
from vault.web.http.named import KINDS, MARK
from vault.web.http.translations import gettext, translated

#: Pages of things, below the account's, with the scope that opens them.
_PAGES: Final = {
    "rec": ("recordings", "recordings:read"),
    "req": ("requests", "audit:read"),
    "hold": ("holds", "audit:read"),
    "appr": ("approvals", "audit:read"),
    "ep": ("events", "audit:read"),
}


async def fill_names(request: Request, response: Response) -> None:
    """Put names in the place of the marks of a page of an account."""
    allowed: Console | None = getattr(request.state, "console", None)
    page = bytes(response.body).decode() if response.media_type == "text/html" else ""
    ids = {found[2] for found in MARK.finditer(page)}
    if allowed is None or not ids:
        return
    try:
        names = await vault_of(request).names.of(
            allowed.account.id, sorted(ids), with_numbers=allowed.allows("recordings:read")
        )
    except Unavailable:
        # What the form did is done: the page says so, with words in the place of names.
        names = {}

    def name(found: re.Match[str]) -> str:
        return _shown(allowed, found[2], names.get(found[2], Name()), is_link=found[1] == "linked")

    response.body = MARK.sub(name, page).encode()
    response.headers["Content-Length"] = str(len(response.body))


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
    # A script shows it in the time zone of the reader, as all times.
    at = Markup('<time datetime="{0:%Y-%m-%dT%H:%M:%SZ}">{0:%Y-%m-%d %H:%M} UTC</time>').format(name.at)
    number = escape(name.text or "")
    if name.is_voicemail:
        sentence = gettext("Voicemail of %(at)s", at=at)
    elif name.text is None:
        sentence = gettext("Call of %(at)s", at=at)
    else:
        sentence = gettext("Call of %(at)s with %(number)s", at=at, number=number)
    return Markup(sentence)  # noqa: S704 - a text of the catalogue with the markup and the escaped number above
