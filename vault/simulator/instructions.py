"""The instructions in a call document, in a form that is independent of the platform.

These classes are the simulator's own. The vault has similar ones (``domain/calls/call_document.py``), which its
adapters write as documents; the simulator parses a document independently, as a platform does.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Speak:
    """Speak a text with the platform's text to speech."""

    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    """Play the audio at a URL."""

    url: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Play prompts and wait for one key; a key is sent to ``url``, which returns the next document."""

    prompts: tuple[Speak | Sound, ...]
    url: str
    #: Whether ``url`` is also requested if no key was pressed.
    always: bool = False


@dataclass(frozen=True, slots=True)
class Begin:
    """Record from now to the end of the call, and send a webhook to ``status_url`` when the recording is ready."""

    status_url: str


@dataclass(frozen=True, slots=True)
class Follow:
    """Continue with the document at ``url``; later instructions are ignored."""

    url: str
    #: The payload that the document tells the platform to send, if any.
    payload: object = None


Instruction = Speak | Sound | Wait | Begin | Follow
