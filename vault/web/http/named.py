"""Marks in the place of ids on a page: what they stand for is named after the page is made, for all of them at once.

A template writes ``{{ id | named }}``, or ``{{ id | linked }}`` where the name leads to the page of the thing. A mark
has a secret of the process, so that nobody can type one.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup

from vault.web.http.translations import translatable

_SECRET: Final = secrets.token_hex(8)
#: What a thing without a known name is called, by the beginning of its id.
KINDS: Final[Mapping[str, str]] = translatable(
    {
        "per": "a person",
        "key": "an API key",
        "sess": "a listener",
        "link": "a link",
        "rec": "a recording",
        "req": "a request",
        "hold": "a hold",
        "conn": "a connection",
        "idp": "a sign-in connection",
        "ptok": "the directory of the company",
        "pusr": "a person of the directory",
        "pgrp": "a group of the directory",
        "lkey": "a key that signs links",
        "appr": "an approval",
        "cons": "a session of the console",
        "ntc": "a notice",
        "ep": "an endpoint",
        "reg": "an entry of a register",
        "cut": "a cut of links",
        "obj": "an objection",
        "int": "an integration",
    }
)
_ID_OF: Final = f"(?:{'|'.join(KINDS)})_[0-9a-f]{{8,32}}"
_ID: Final = re.compile(_ID_OF)
#: A mark: whether it is a link, and the id.
MARK: Final = re.compile(f"\x02{_SECRET}:(named|linked):({_ID_OF})\x03")

#: The mark of the bell: what needs somebody is read after the page is made.
BELL: Final = Markup(f"\x02{_SECRET}:bell\x03")  # noqa: S704
#: The mark of the summary of what is wrong in a form.
PROBLEMS: Final = Markup(f"\x02{_SECRET}:problems\x03")  # noqa: S704
#: The mark of the links to the pages around one of a list: the address of the next one, without a query on the last.
PAGES: Final = re.compile(f"\x02{_SECRET}:pages:([^\x02\x03]*)\x03")


def named(text: str | None) -> str | Markup:
    """Return the mark of an id; a text that is none as it is, and a dash for nothing."""
    return _mark("named", text)


def linked(text: str | None) -> str | Markup:
    """Return the mark of an id whose name leads to its page."""
    return _mark("linked", text)


def pages(following: str | int | Mapping[str, str] | None, path: str = "") -> Markup:
    """Return the mark of the links around a page of a list at ``path``.

    ``following``: the cursor of the next page, or its whole query; None on the last one.
    """
    query = following if isinstance(following, Mapping) else {"cursor": str(following)}
    if isinstance(following, str) and "cursor=" in following:
        written = following
    else:
        written = "" if following is None else urlencode(query)
    return Markup(f"\x02{_SECRET}:pages:{path}?{written}\x03")  # noqa: S704 - it is escaped where it is filled in


def _mark(how: str, text: str | None) -> str | Markup:
    if text is None or not _ID.fullmatch(text):
        return text or "\u2013"
    # Neither the secret nor an id has a character of markup.
    return Markup(f"\x02{_SECRET}:{how}:{text}\x03")  # noqa: S704
