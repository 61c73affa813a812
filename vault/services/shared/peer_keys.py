"""Keys of the vaults from which accounts came: what those vaults gave out stays valid here.

Their keyed hashes are checked before any look-up, as this vault's own are (``own_token.py``). Which account something
belongs to is decided by its row; where no row says it, by the vault that the account came from.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from vault.database.interface import Database
from vault.domain.moves.move import Move, Phase
from vault.domain.playback.own_token import TokenKey
from vault.domain.stored import encryption_context as bound
from vault.errors import Tampered
from vault.ports.keys import RootKey

#: Seconds until this node looks again for vaults from which accounts came: so many an invented token costs no read.
TTL: Final = 5.0
_KEY_SIZE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Peer:
    """A vault from which accounts came."""

    #: Its public URL.
    url: str
    key: TokenKey
    #: Hashes who the people of its accounts are.
    identity_key: bytes

    def wrapped_form(self) -> bytes:
        """Return both keys, to be wrapped."""
        return self.key.secret + self.identity_key


@dataclass(slots=True)
class _Read:
    peers: Sequence[Peer] = ()
    again_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerKeys:
    """The peers of this vault. One instance per process."""

    database: Database
    root_key: RootKey
    _read: _Read = field(default_factory=_Read, repr=False)
    #: By the URL of the vault; a key never changes.
    _known: dict[str, Peer] = field(default_factory=dict, repr=False)

    async def all(self) -> Sequence[Peer]:
        """Return every vault from which an account came, as they were TTL seconds ago at most. Raises Unavailable."""
        now = asyncio.get_running_loop().time()
        if now >= self._read.again_at:
            moves = await self.database.read(lambda tx: tx.account_moves.one_of_each_peer())
            self._read.peers = [await self._peer(move) for move in moves]
            self._read.again_at = now + TTL
        return self._read.peers

    async def of_account(self, account_id: str) -> Peer | None:
        """Return the vault from which an account came; None for an account of this vault. Raises Unavailable."""
        move = await self.database.read(lambda tx: tx.account_moves.of(account_id))
        if move is None or move.phase is not Phase.ARRIVED:
            return None
        return await self._peer(move)

    async def made(self, token: str) -> bool:
        """Return whether one of those vaults made the token of a link."""
        return any(peer.key.made(token) for peer in await self.all())

    async def _peer(self, move: Move) -> Peer:
        if move.peer_url not in self._known:
            if move.wrapped_peer_key is None:
                raise Tampered("The move of an account that came from another vault lacks that vault's keys.")
            both = await self.root_key.unwrap(move.wrapped_peer_key, bound.of_peer_key(move.account_id))
            self._known[move.peer_url] = Peer(
                url=move.peer_url, key=TokenKey(both[:_KEY_SIZE]), identity_key=both[_KEY_SIZE:]
            )
        return self._known[move.peer_url]
