"""A listener at the services: open a link, and play its recording to the end."""

from collections.abc import AsyncIterator
from typing import Final

from tests.support.parties import PARTIES, tell
from tests.support.service_house import House
from tests.support.tenant import tone
from vault.domain.ids import Token
from vault.domain.playback.link import FIRST_WINDOW
from vault.domain.recordings.recording import State
from vault.errors import NotFound
from vault.services.playback.open_links import OpenedLink

#: More than one window of audio.
LONG: Final = tone(3.0 * FIRST_WINDOW / 16_000)


async def opened(house: House, token: Token) -> OpenedLink:
    """Open a link."""
    return await house.vault.playback.open_links.open(token.text, nonce="n", address=None, agent="a")


async def played(house: House, session: OpenedLink) -> bytes:
    """Read the waveform and the audio of a session."""
    found = await house.vault.playback.open_links.find(session.session.id, session.secret.text)
    assert await house.vault.playback.player.waveform(
        house.account.id, found.recording.id, session_id=found.session.id, actor="key_test"
    )
    sound = await house.vault.playback.audio.for_session(found.session, found.recording)
    return b"".join([block async for block in await house.vault.playback.audio.stream(sound, 0, sound.size)])


async def heard(house: House, token: Token) -> bytes:
    """Open a link and play the recording to its end."""
    return await played(house, await opened(house, token))


async def recording_of(house: House, agent: str) -> str:
    """Return an available recording of an agent."""
    call = f"call-{agent}"
    await tell(house, "announced", call=call)
    said = PARTIES | {"call_ref": call, "agent": agent}
    recording_id = (
        await house.announce(call, body=LONG, url=f"https://media.example/{agent}.wav", **said)
    ).recording_id
    assert await house.settle(recording_id) is State.AVAILABLE
    return recording_id


async def begun(house: House, token: Token) -> AsyncIterator[bytes]:
    """Open a link and return the stream of its long recording after the first block."""
    session = await opened(house, token)
    found = await house.vault.playback.open_links.find(session.session.id, session.secret.text)
    sound = await house.vault.playback.audio.for_session(found.session, found.recording)
    assert sound.size > 2 * FIRST_WINDOW
    stream = await house.vault.playback.audio.stream(sound, 0, sound.size)
    assert await anext(aiter(stream))
    return stream


async def goes_on(stream: AsyncIterator[bytes]) -> bool:
    """Read a stream to its end; return whether it has one, or was ended."""
    try:
        async for _ in stream:
            pass
    except NotFound:
        return False
    return True
