"""The steps that a telephony platform runs at the start of a call, independent of the platform.

An adapter renders them in its platform's format (TwiML, NCCO, Plivo XML).
"""

from dataclasses import dataclass

from vault.domain.calls.call import CallFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Play a notice to the party: its audio if it has one, otherwise its text by speech synthesis."""

    text: str
    #: A language tag such as ``en-GB``.
    language: str
    audio_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather:
    """Play a notice and wait for one key, which is sent to ``answer_url``; after ``seconds`` the next step follows.

    The response of ``answer_url`` is a document like this one, which the platform runs.
    """

    prompt: Play
    answer_url: str
    seconds: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Record both parties from here to the end, each on its own channel where the platform can.

    The platform calls ``status_url`` when the recording is ready.
    """

    status_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """Continue with the document at ``url``: the last step of a call flow."""

    url: str


Step = Play | Gather | Record | Redirect
CallFlow = tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStep:
    """A platform's request for a document: the call, and the pressed key."""

    facts: CallFacts
    #: ``0`` to ``9``, ``*`` or ``#``; None where no key was pressed in time, or none was requested.
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A call flow in one platform's format."""

    media_type: str
    body: bytes
