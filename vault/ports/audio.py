"""Describing a recording: reading what it really is, away from the process that holds keys."""

from typing import Protocol

from vault.domain.notices.audio import Prompt, PromptRequest
from vault.domain.recordings.media import Description


class AudioSource(Protocol):
    """The plaintext of one recording, by ranges. Every range was authenticated before it returns."""

    @property
    def size(self) -> int:
        """Return the number of plaintext bytes."""

    async def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end), with ``end`` at most ``size``. Raises Tampered."""


class RenditionSink(Protocol):
    """Takes the rendition as it is made; never called where browsers play the original."""

    async def write(self, block: bytes) -> None:
        """Take the next bytes of the rendition, a WAV file from its first byte on."""


class Describer(Protocol):
    """Reads audio in a subprocess with limits on time, memory and output."""

    async def describe(
        self, source: AudioSource, rendition: RenditionSink, *, account_id: str
    ) -> Description:
        """Decode the whole source once and return what it is.

        No subprocess works for two accounts. After a crash the account's next job gets a new one.

        Raises Undecodable if it is not audio within the vault's limits, with the reason;
        DescriberCrashed if the subprocess died or ran out of its limits; Unavailable if none could
        be started; and whatever ``source.read`` and ``rendition.write`` raised.
        """


class PromptMaker(Protocol):
    """Makes the audio of notices: decodes what was uploaded in a limited subprocess, and puts it together."""

    async def make(self, upload: bytes, wish: PromptRequest) -> Prompt:
        """Return a prompt made of ``upload``, which is empty where a beep alone is wanted.

        Raises Invalid, naming the field, for a wish that cannot be; Undecodable, with the reason, for an
        upload that is empty, too large, no audio, damaged, silent or too long; DescriberCrashed if the
        subprocess died or ran out of its limits; Unavailable if none could be started.
        """
