"""The types of problem documents (RFC 9457), one for each status: titles, addresses, and what a client does about each.

``type`` is a relative address, so that it leads to the page of the installation that answered, whatever its host is,
and programs compare the same text everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: The page that has an anchor for each type.
PAGE: Final = "/errors"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """What a status means, in sentences for developers."""

    status: int
    title: str
    meaning: str
    remedy: str

    @property
    def anchor(self) -> str:
        """Return its anchor on the page, which never changes."""
        return self.title.lower().replace(" ", "-")

    @property
    def address(self) -> str:
        """Return the member ``type`` of its documents."""
        return f"{PAGE}#{self.anchor}"


TYPES: Final = (
    ProblemType(400, "Malformed request", "The request cannot be parsed.", "Correct it."),
    ProblemType(
        401,
        "Not authenticated",
        "There is no key, session or signature, or it is not valid.",
        "Send a valid one; the header WWW-Authenticate says which kind.",
    ),
    ProblemType(403, "Not allowed", "The key lacks the scope.", "Use another key."),
    ProblemType(
        404,
        "Not found",
        "It does not exist, or it belongs to another account: the answer is the same.",
        "Check the address, and the id that field names.",
    ),
    ProblemType(
        405, "Method not allowed", "The path does not support this method.", "Use one of the header Allow."
    ),
    ProblemType(
        408,
        "Request timeout",
        "The head or the body of the request stopped for 30 seconds.",
        "Send it again.",
    ),
    ProblemType(
        409,
        "Refused",
        "A rule forbids it; reasons names the rule.",
        "Do not send it again unless reasons is busy; then wait for Retry-After.",
    ),
    ProblemType(410, "Erased", "The recording was erased.", "Do not send it again."),
    ProblemType(
        412,
        "Precondition failed",
        "What is stored differs from the ETag in If-Match.",
        "Read it again, or ask without If-Match.",
    ),
    ProblemType(413, "Too large", "The body is larger than the limit that detail names.", "Send less."),
    ProblemType(
        415,
        "Wrong media type",
        "The Content-Type is not one that this path reads.",
        "Send the type that detail names.",
    ),
    ProblemType(
        416,
        "Range not satisfiable",
        "The range is outside the audio.",
        "The header Content-Range has the size.",
    ),
    ProblemType(
        421,
        "Moved to another vault",
        "The account is at another vault since it moved.",
        "Send the request to the address in the answer; its API keys are the same.",
    ),
    ProblemType(422, "Not valid", "A value is not valid; field or errors names it.", "Correct it."),
    ProblemType(
        429,
        "Too many requests",
        "A limit is exceeded; limit names it if it is one of the account's.",
        "Wait for Retry-After; an admin can raise the limits of an account.",
    ),
    ProblemType(
        431,
        "Head too large",
        "The head of the request is longer than 64 KiB, or has more than 200 fields.",
        "Send less.",
    ),
    ProblemType(
        500,
        "Internal error",
        "The vault failed. The operator finds the reason in the log, by X-Request-Id.",
        "Tell the operator the X-Request-Id; check what was done before you send it again.",
    ),
    ProblemType(
        502, "The provider failed", "The media of a provider did not arrive.", "Send it again later."
    ),
    ProblemType(
        503,
        "Unavailable",
        "A part that is needed does not answer, or the queue is full.",
        "Wait for Retry-After, then send it again.",
    ),
)
_BY_STATUS: Final[Mapping[int, ProblemType]] = {one.status: one for one in TYPES}


def document_of(status: int, detail: str) -> dict[str, object]:
    """Return the members that every problem document has."""
    found = _BY_STATUS.get(status)
    # No part of the vault answers with another status; a library might.
    kind, title = ("about:blank", "Error") if found is None else (found.address, found.title)
    return {"type": kind, "title": title, "status": status, "detail": detail}
