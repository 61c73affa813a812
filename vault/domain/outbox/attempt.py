"""One attempt to send a message: what the receiver answered, and what that means."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from vault.errors import FetchFailed

#: The receiver may ask for a wait between these.
LEAST_WAIT: Final = timedelta(seconds=1)
MOST_WAIT: Final = timedelta(hours=6)
_MAX_DIGITS: Final = 12
#: A date has some 30 characters.
_MAX_HEADER: Final = 64


class Outcome(StrEnum):
    """What an attempt showed."""

    ACCEPTED = "accepted"
    #: The receiver did not take it, or nothing was sent.
    FAILED = "failed"
    #: It may have arrived: it was sent, and no answer came.
    UNKNOWN = "unknown"
    #: The receiver wants no messages any more (410).
    GONE = "gone"
    #: It does not take this message, now or later. Of the destination that says nothing.
    REFUSED = "refused"
    #: Nothing was sent, because there is nobody or nothing to tell any more.
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of a receiver."""

    status: int
    #: The header Retry-After.
    retry_after: str | None = None
    #: Its headers, by their names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: At most 20,000 bytes, and empty if they did not come in time: the status is the answer.
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How an attempt ended."""

    outcome: Outcome
    status: int | None = None
    #: Why it failed, without the URL and without words of the receiver.
    failure: str | None = None
    retry_after: str | None = None
    #: Whether it came too early, which is no failure of the receiver; ``retry_after`` says for how long.
    is_early: bool = False
    #: The first bytes of the answer.
    answer: bytes = field(default=b"", repr=False)


#: Bytes of an answer that are kept.
ANSWER_SIZE: Final = 1024
_SUCCESS: Final = range(200, 300)
_GONE: Final = 410
#: Answers whose Retry-After holds: locked, too many requests, unavailable.
_ASKS_TO_WAIT: Final = frozenset({423, 429, 503})


def attempt_of(answer: Answer, receiver: str) -> Attempt:
    """Return what an answer to a webhook means: 2xx accepts it, whatever its body; a redirect is a failure.

    ``receiver`` begins the sentence of a failure.
    """
    beginning = answer.body[:ANSWER_SIZE]
    if answer.status in _SUCCESS:
        return Attempt(outcome=Outcome.ACCEPTED, status=answer.status, answer=beginning)
    return Attempt(
        outcome=Outcome.GONE if answer.status == _GONE else Outcome.FAILED,
        status=answer.status,
        failure=f"{receiver} answered {answer.status}.",
        retry_after=answer.retry_after if answer.status in _ASKS_TO_WAIT else None,
        answer=beginning,
    )


def attempt_without_answer(error: FetchFailed) -> Attempt:
    """Return what it means that no answer came: the message may have arrived, unless nothing was sent."""
    outcome = Outcome.FAILED if error.final or error.unsent else Outcome.UNKNOWN
    return Attempt(outcome=outcome, failure=str(error))


def shown_answer(beginning: bytes) -> str:
    """Return the first bytes of an answer as text that does nothing where it is shown.

    What is no UTF-8, and characters that change how a text is shown, are replaced; a character cut in two is left out.
    """
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(beginning).replace("\r\n", "\n")
    return "".join(one if one in "\n\t" or one.isprintable() else "\ufffd" for one in text)


def wait_asked(header: str | None, now: datetime) -> timedelta | None:
    """Return the wait that a Retry-After asks for, in seconds or as a date (RFC 9110, 10.2.3), within our bounds.

    None if there is none, or none that can be read.
    """
    text = "" if header is None or len(header) > _MAX_HEADER else header.strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=int(text)) if len(text) < _MAX_DIGITS else MOST_WAIT
    else:
        try:
            wait = parsedate_to_datetime(text) - now
        except (TypeError, ValueError, OverflowError):
            # A date without a zone cannot be compared with ours.
            return None
    return max(LEAST_WAIT, min(MOST_WAIT, wait))
