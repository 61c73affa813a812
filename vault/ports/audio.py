"""Decodes audio outside the process that holds keys."""

from collections.abc import Sequence
from typing import Protocol

from vault.domain.notices.audio import Prompt, PromptRequest
from vault.domain.recordings.media import Description
from vault.domain.recordings.redaction import FrameSpan, SampleLayout, SpanMeasures


class AudioSource(Protocol):
    """The plaintext of one recording, by ranges. Every range is authenticated before it is returned."""

    @property
    def size(self) -> int:
        """Return the number of plaintext bytes."""

    async def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end), with ``end`` at most ``size``. Raises Tampered."""


class RenditionSink(Protocol):
    """Receives the rendition in blocks; never called where browsers play the original."""

    async def write(self, block: bytes) -> None:
        """Write the next bytes of the rendition, a WAV file."""


class Describer(Protocol):
    """Decodes audio in a subprocess with limits on time, memory and output."""

    async def describe(
        self,
        source: AudioSource,
        rendition: RenditionSink,
        *,
        account_id: str,
        always: bool = False,
        find_digits: bool = False,
    ) -> Description:
        """Decode the whole source once and return its description; ``always``: make a rendition in any case.

        ``find_digits``: look for keyed digits too: 0.6 ms of CPU time for each second of a channel at 8 kHz.

        A subprocess only works for one account. After a crash the account's next job starts a new one.

        Raises Undecodable, with the reason, if it is not audio within the vault's limits; DescriberCrashed if the
        subprocess died or exceeded its limits; Unavailable if none could be started; and all errors of
        ``source.read`` and ``rendition.write``.
        """


class SpanDecoder(Protocol):
    """Finds samples of a fixed size, and measures spans, in the same limited subprocesses.

    Both raise Undecodable, DescriberCrashed, Unavailable, and all errors of ``source.read``.
    """

    async def layout(self, source: AudioSource, *, account_id: str) -> SampleLayout:
        """Return where the samples lie. Undecodable for anything but PCM, float and G.711 in a WAV file."""

    async def measure(
        self, source: AudioSource, spans: Sequence[FrameSpan], *, account_id: str
    ) -> SpanMeasures:
        """Decode the source, and return how loud the spans are, and a digest of the rest."""


class Decoder(Describer, SpanDecoder, Protocol):
    """Both, by the same subprocesses."""


class PromptMaker(Protocol):
    """Generates the audio of notices; decodes the upload in a limited subprocess."""

    async def make(self, upload: bytes, wish: PromptRequest) -> Prompt:
        """Generate a prompt from ``upload``, which is empty for a beep without speech.

        Raises Invalid, naming the field, for an invalid request; Undecodable, with the reason, for an upload that
        is empty, too large, not audio, damaged, silent or too long; DescriberCrashed if the subprocess died or
        exceeded its limits; Unavailable if none could be started.
        """
