"""The service, which dies between a grant and its bytes: at the one whose number a file beside its data names.

It kills itself, because nobody outside can hit that moment: the grant is durable, and no byte of its window
has left. And grants take their time here, so that bytes which did not wait for theirs are out long before.
"""

import asyncio
import itertools
import os
import signal
from pathlib import Path

from vault.cli.main import main
from vault.services.playback.audio_stream import AudioStreams
from vault.services.playback.playable_audio import PlayableAudio

#: The file, in the data directory.
FILE = "die-at-grant"
#: Seconds until a grant is written.
_SLOWLY = 0.05


def prepare() -> None:
    """Put the death behind every grant."""
    file, numbers, grant = Path(os.environ["VAULT_DATA_DIR"]) / FILE, itertools.count(1), AudioStreams._grant

    async def grant_and_die(self: AudioStreams, sound: PlayableAudio, window: tuple[int, int]) -> None:
        await asyncio.sleep(_SLOWLY)
        await grant(self, sound, window)
        if file.exists() and next(numbers) == int(file.read_text()):
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    AudioStreams._grant = grant_and_die  # type: ignore[method-assign]


if __name__ == "__main__":
    prepare()
    main()
