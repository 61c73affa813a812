"""Doorways: an address of a recording for places where a link would expire, such as a CRM or a mail.

A doorway is no secret and opens nothing by itself: it leads to a sign-in, or takes a link to the same recording. Its id
is the ids of recording and account, encrypted under a key of the vault so that the same ids always give the same text
(AES-SIV, RFC 5297). So it says nothing of either to who has no key, nothing is stored, a recording always has the same
doorway, a restore keeps it, and an invented id is refused without a look-up.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from vault.database.interface import Database
from vault.domain.base64url import decode_base64url, encode_base64url
from vault.domain.playback.own_token import TokenKey
from vault.domain.recordings.recording import GONE
from vault.errors import NotFound
from vault.services.shared.peer_keys import PeerKeys

#: 16 bytes of AES-SIV's synthetic IV, and 16 of each id.
_DOOR: Final = re.compile(r"[A-Za-z0-9_-]{64}")
_ID_BYTES: Final = 16
_NONE: Final = "There is no such doorway."


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a doorway leads."""

    account_id: str
    recording_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorways:
    """Make and read the ids of doorways."""

    database: Database
    token_key: TokenKey
    peers: PeerKeys

    async def make(self, account_id: str, recording_id: str) -> str:
        """Return the id of a recording's doorway. Changes nothing. Raises NotFound for an unknown recording."""
        if await self.database.read(lambda tx: tx.recordings.get(account_id, recording_id)) is None:
            raise NotFound("There is no such recording.")
        return door_of(self.token_key, account_id, recording_id)

    async def read(self, door: str) -> Door:
        """Return where a doorway leads.

        Raises NotFound for an id that this vault did not make, without a look-up, and while the recording is
        restricted or once it is erased.
        """
        try:
            found = door_from(self.token_key, door)
        except NotFound:
            found = await self._of_peer(door)
        recording = await self.database.read(
            lambda tx: tx.recordings.get(found.account_id, found.recording_id)
        )
        if recording is None or recording.state in GONE or recording.restricted:
            raise NotFound(_NONE)
        return found

    async def _of_peer(self, door: str) -> Door:
        """Return where a doorway leads that the vault made where its account was. Raises NotFound."""
        for peer in await self.peers.all():
            with suppress(NotFound):
                found = door_from(peer.key, door)
                if await self.peers.of_account(found.account_id) == peer:
                    return found
        raise NotFound(_NONE)


def door_of(token_key: TokenKey, account_id: str, recording_id: str) -> str:
    """Return the id of a recording's doorway."""
    ids = bytes.fromhex(recording_id.removeprefix("rec_") + account_id.removeprefix("acct_"))
    return encode_base64url(_cipher(token_key).encrypt(ids, None))


def door_from(token_key: TokenKey, door: str) -> Door:
    """Return where a doorway with this id leads. Raises NotFound for an id that this vault did not make."""
    if _DOOR.fullmatch(door) is None:
        raise NotFound(_NONE)
    try:
        ids = _cipher(token_key).decrypt(decode_base64url(door), None)
    except InvalidTag:
        raise NotFound(_NONE) from None
    recording, account = ids[:_ID_BYTES].hex(), ids[_ID_BYTES:].hex()
    return Door(account_id=f"acct_{account}", recording_id=f"rec_{recording}")


def _cipher(token_key: TokenKey) -> AESSIV:
    return AESSIV(token_key.tag(b"doorway ids 1") + token_key.tag(b"doorway ids 2"))
