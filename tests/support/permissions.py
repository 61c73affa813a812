"""Permissions to hear one recording at the services, of each kind of link."""

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.listening import begun, goes_on, opened, played
from tests.support.service_house import House
from vault.domain.ids import Token
from vault.errors import VaultError
from vault.services.playback.link_request import LinkRequest
from vault.services.playback.open_links import OpenedLink


def link_wish(listener: str = "Ada", **more: object) -> LinkRequest:
    """Return a wish for a link of an hour."""
    wish: dict[str, object] = {"kind": "player", "life": timedelta(hours=1), "sessions": 50} | more
    return LinkRequest(listener=listener, **wish)  # type: ignore[arg-type]


@dataclass
class Permissions:
    """All that somebody has who may hear a recording."""

    minter: Minter
    #: Tokens of links that can be opened again.
    links: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, OpenedLink] = field(default_factory=dict)
    streams: dict[str, AsyncIterator[bytes]] = field(default_factory=dict)

    async def alive(self, house: House) -> set[str]:
        """Try each; return the names of those by which somebody still hears something. A stream is tried once."""
        heard = set()
        for name, token in self.links.items():
            hear = media if "media" in name else once
            if await _goes(hear, house, token):
                heard.add(name)
        for name, session in self.sessions.items():
            if await _goes(played, house, session):
                heard.add(name)
        for name, stream in self.streams.items():
            if await goes_on(stream):
                heard.add(name)
        self.streams.clear()
        return heard


async def once(house: House, token: str) -> bytes:
    """Open a link with a nonce of its own, and play it."""
    found = await house.vault.playback.open_links.open(
        token, nonce=secrets.token_hex(8), address=None, agent="a"
    )
    return await played(house, found)


async def media(house: House, token: str) -> bytes:
    """Play a media link as its GET does."""
    session, recording = await house.vault.playback.open_links.open_media(token, address=None, agent="a")
    sound = await house.vault.playback.audio.for_session(session, recording)
    return b"".join([block async for block in await house.vault.playback.audio.stream(sound, 0, sound.size)])


async def permitted(house: House, recording: str, listener: str = "Ada", *, ahead: int = 0) -> Permissions:
    """Return every kind of permission to hear a long recording, own and signed, opened and not.

    ``ahead``: by how many seconds the clock of the customer who signs is ahead.
    """
    minter = await registered(house, Minter(), secrets.token_hex(4), kinds=("player", "media"))

    async def own(**more: object) -> str:
        wish = link_wish(listener, **more)
        _, token = await house.vault.playback.links.create(
            house.account.id, recording, wish, actor="key_test"
        )
        return token.text

    async def signed(**more: object) -> str:
        now = int(time.time()) + ahead
        return minter.token(recording, lsn=listener, iat=now, exp=now + 600, **more)

    made = Permissions(minter)
    for name, make in (("own", own), ("signed", signed)):
        made.links[f"{name} link"] = await make()
        made.links[f"{name} media"] = (
            await make(kind="media", sessions=1) if name == "own" else await make(knd="media")
        )
        used = await make(kind="media", sessions=1) if name == "own" else await make(knd="media")
        await media(house, used)
        made.links[f"{name} media, opened"] = used
        token = Token(await make())
        made.links[f"{name} link, opened"] = token.text
        made.sessions[f"{name} session"] = await opened(house, token)
        made.streams[f"{name} stream"] = await begun(house, Token(await make()))
    return made


async def _goes(hear: Callable[..., Awaitable[bytes]], *what: Any) -> bool:
    try:
        return bool(await hear(*what))
    except VaultError:
        return False
