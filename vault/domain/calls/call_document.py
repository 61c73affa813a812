"""What a telephony platform shall do at the start of a call, in steps that every platform knows.

The vault decides in these words; an adapter says them in its platform's own (TwiML, NCCO, Plivo XML).
"""

from dataclasses import dataclass

from vault.domain.calls.call import CallFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Let the party hear a notice: its audio where there is some, else its text, spoken."""

    text: str
    #: A language tag such as ``en-GB``.
    language: str
    audio_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather:
    """Play a notice and wait for one key; the key goes to ``answer_url``, and no key goes on after ``seconds``.

    The platform follows what ``answer_url`` answers, which is a document like this one.
    """

    prompt: Play
    answer_url: str
    seconds: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Record both parties from here to the end, on a channel each where the platform can.

    The platform tells ``status_url`` when the recording is ready.
    """

    status_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """Go on with the document that lies at ``url``: the last step of a script."""

    url: str


Step = Play | Gather | Record | Redirect
CallFlow = tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStep:
    """What a platform says when it asks for a document: which call, and which key was pressed."""

    facts: CallFacts
    #: ``0`` to ``9``, ``*`` or ``#``; None where no key was pressed in time, or none was asked for.
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A script in the words of one platform."""

    media_type: str
    body: bytes
