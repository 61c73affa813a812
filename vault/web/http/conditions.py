"""If-Match and If-None-Match of a GET or HEAD (RFC 9110, sections 13.1.1, 13.1.2 and 13.2.2)."""

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import Response

from vault.errors import Invalid
from vault.web.http.problems import problem

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def unmet(headers: Headers, tag: str, answered: Mapping[str, str]) -> Response | None:
    """Return a 412 or 304 response if a condition requires it; None if the request proceeds.

    ``tag`` is the current strong ETag, and ``answered`` are the headers of a 304.
    """
    wanted = _header(headers, "if-match")
    if wanted is not None and wanted != "*" and tag not in _tags(wanted, weak=False):
        return problem(412, "The current ETag is not in If-Match. Repeat the request without If-Match.")
    known = _header(headers, "if-none-match")
    if known is not None and (known == "*" or tag in _tags(known, weak=True)):
        return Response(status_code=304, headers=dict(answered))
    return None


def version_in(if_match: str | None, what: str) -> int | None:
    """Return the version in an If-Match header; None for any. Raises Invalid if it is not an ETag of ``what``."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip().strip('"')
    if not (tag.isascii() and tag.isdigit()):
        raise Invalid(f"If-Match must be the ETag of the {what}.", field="If-Match")
    return int(tag)


def _header(headers: Headers, name: str) -> str | None:
    """Return a header, joined if it was sent several times."""
    lines = headers.getlist(name)
    return ", ".join(lines).strip() if lines else None


def _tags(header: str, *, weak: bool) -> set[str]:
    """Return the ETags of a list, with the weak ones if ``weak``."""
    return {found[2] for found in _TAG.finditer(header) if weak or found[1] is None}
