"""The object that says of an account that it left this vault: a note with its move, signed by the log's key.

It is in the object store before the account is at the other vault, so that a restore does not bring the account back.
"""

from typing import Final

from vault.domain.moves.move import GONE, Move
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import read_object, write_object
from vault.errors import Tampered

PREFIX: Final = "moved/"


def location_of(account_id: str) -> str:
    """Return the key of the object."""
    return f"{PREFIX}{account_id}"


def write_departure(move: Move) -> str:
    """Return the text of the note."""
    return write_object(encode_fields(move)).decode() + "\n"


def read_departure(text: str, location: str) -> Move:
    """Return the move. Raises Tampered."""
    move = decode_fields(Move, read_object(text.encode(), "The object of an account that left"))
    if location_of(move.account_id) != location or move.phase not in GONE:
        raise Tampered(
            "The object of an account that left is of another account, or of one that did not leave."
        )
    return move
