"""Objects that say of an account that it left this vault, or came from another one: its move, signed by the log's key.

The object is in the store before the account is at the other vault, so that a restore does not bring it back where it
left, and knows where it came from where it arrived.
"""

from typing import Final

from vault.domain.moves.move import GONE, Move, Phase
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import read_object, write_object
from vault.errors import Tampered

#: Of accounts that left, and of accounts that came.
LEFT: Final = "moved/"
CAME: Final = "arrived/"
#: Of accounts that left: the receipts that their keys here are destroyed.
RECEIPTS: Final = "destroyed/"
_PHASES: Final = {LEFT: GONE, CAME: frozenset({Phase.ARRIVED})}


def location_of(move: Move) -> str:
    """Return the key of the object of a move that has left here, or arrived here."""
    return f"{LEFT if move.phase in GONE else CAME}{move.account_id}"


def account_of(location: str) -> str:
    """Return the account that the key of an object names."""
    return location.rpartition("/")[2]


def write_move(move: Move) -> str:
    """Return the text of the note."""
    return write_object(encode_fields(move)).decode() + "\n"


def read_move(text: str, location: str) -> Move:
    """Return the move. Raises Tampered."""
    move = decode_fields(Move, read_object(text.encode(), "The object of an account that moved"))
    prefix, _, account_id = location.rpartition("/")
    if move.account_id != account_id or move.phase not in _PHASES[f"{prefix}/"]:
        raise Tampered("The object of an account that moved is of another account, or of another move.")
    return move
