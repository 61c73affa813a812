"""Doorways: an address of a recording for places where a link would expire, such as a CRM or a mail.

A doorway is no secret and opens nothing by itself: it leads to a sign-in, or takes a link to the same recording. Its id
is made of the ids of account and recording and a keyed hash of them. So nothing is stored, a recording always has the
same doorway, a restore keeps it, and an invented id is refused without a look-up.
"""

import hmac
import re
from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.domain.playback.own_token import TokenKey
from vault.errors import NotFound

#: Hexadecimal digits of the keyed hash.
_TAG_CHARS: Final = 16
_DOOR: Final = re.compile(r"([0-9a-f]{32})([0-9a-f]{32})([0-9a-f]{16})")
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

    async def make(self, account_id: str, recording_id: str) -> str:
        """Return the id of a recording's doorway. Changes nothing. Raises NotFound for an unknown recording."""
        if await self.database.read(lambda tx: tx.recordings.get(account_id, recording_id)) is None:
            raise NotFound("There is no such recording.")
        return door_of(self.token_key, account_id, recording_id)

    async def read(self, door: str) -> Door:
        """Return where a doorway leads, without a look-up. Raises NotFound for an id that this vault did not make."""
        found = _DOOR.fullmatch(door)
        if found is None or not hmac.compare_digest(_tag(self.token_key, found[1] + found[2]), found[3]):
            raise NotFound(_NONE)
        return Door(account_id=f"acct_{found[2]}", recording_id=f"rec_{found[1]}")


def door_of(token_key: TokenKey, account_id: str, recording_id: str) -> str:
    """Return the id of a recording's doorway."""
    head = recording_id.removeprefix("rec_") + account_id.removeprefix("acct_")
    return head + _tag(token_key, head)


def _tag(token_key: TokenKey, head: str) -> str:
    return token_key.tag(b"doorway " + head.encode()).hex()[:_TAG_CHARS]
