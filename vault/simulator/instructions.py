"""What a document makes a platform do, one after the other, whatever the platform's words for it.

These are the simulator's own words. The vault has such words too (``domain/calls/call_document.py``), and its
adapters say them in documents; here a document is read back without knowing what was meant, as a platform reads it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Speak:
    """Say a text with the platform's own voice."""

    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    """Play what lies at a URL."""

    url: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Play, and listen for one key meanwhile and afterwards; a key is told to ``url``, which says how to go on."""

    prompts: tuple[Speak | Sound, ...]
    url: str
    #: That no key was pressed is told there too.
    always: bool = False


@dataclass(frozen=True, slots=True)
class Begin:
    """Record from now to the end of the call, and tell ``status_url`` when the recording is ready."""

    status_url: str


@dataclass(frozen=True, slots=True)
class Follow:
    """Go on with the document at ``url``; what stands behind it is never reached."""

    url: str
    #: What the platform sends along, where the document gives it something.
    payload: object = None


Instruction = Speak | Sound | Wait | Begin | Follow
