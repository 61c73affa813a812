"""A listener at the services: open a link, and play its recording to the end."""

from tests.support.service_house import House
from vault.domain.ids import Token
from vault.services.playback.open_links import OpenedLink


async def opened(house: House, token: Token) -> OpenedLink:
    """Open a link."""
    return await house.vault.open_links.open(token.text, nonce="n", address=None, agent="a")


async def played(house: House, session: OpenedLink) -> bytes:
    """Read the waveform and the audio of a session."""
    found = await house.vault.open_links.find(session.session.id, session.secret.text)
    assert await house.vault.player.waveform(
        house.account.id, found.recording.id, session_id=found.session.id, actor="key_test"
    )
    sound = await house.vault.audio.for_session(found.session, found.recording)
    return b"".join([block async for block in await house.vault.audio.stream(sound, 0, sound.size)])


async def heard(house: House, token: Token) -> bytes:
    """Open a link and play the recording to its end."""
    return await played(house, await opened(house, token))
