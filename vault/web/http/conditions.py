"""If-Match and If-None-Match of a GET or HEAD (RFC 9110, sections 13.1.1, 13.1.2 and 13.2.2)."""

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import Response

from vault.web.http.problems import problem

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def unmet(headers: Headers, tag: str, answered: Mapping[str, str]) -> Response | None:
    """Return 412 or 304 if a condition demands it; None if the request proceeds.

    ``tag`` is the current strong ETag, and ``answered`` are the headers of a 304.
    """
    wanted = _said(headers, "if-match")
    if wanted is not None and wanted != "*" and tag not in _tags(wanted, weak=False):
        return problem(412, "This has another ETag than If-Match names. Ask again without If-Match.")
    known = _said(headers, "if-none-match")
    if known is not None and (known == "*" or tag in _tags(known, weak=True)):
        return Response(status_code=304, headers=dict(answered))
    return None


def _said(headers: Headers, name: str) -> str | None:
    """Return a header that may be sent in several lines."""
    lines = headers.getlist(name)
    return ", ".join(lines).strip() if lines else None


def _tags(said: str, *, weak: bool) -> set[str]:
    """Return the tags of a list; of the weak ones only if they count."""
    return {found[2] for found in _TAG.finditer(said) if weak or found[1] is None}
