"""A move of an account to another vault: its phases, at both ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

#: How long keys and objects stay where the account was, unless the operator says otherwise.
KEEP: Final = timedelta(days=7)


class Phase(StrEnum):
    """How far a move is. Until MOVED it can be given up; from then on it only goes on."""

    #: The account leaves: it lives on here, and objects and rows are copied.
    COPYING = "copying"
    #: It is at the other vault. Old addresses lead there; keys and objects are still here.
    MOVED = "moved"
    #: Its keys and objects here are destroyed. Old addresses still lead to the other vault.
    DESTROYED = "destroyed"
    #: It comes: its rows wait, and nobody sees it yet.
    ARRIVING = "arriving"
    #: It is here.
    ARRIVED = "arrived"


#: What a move may wait for: the last for a worker here, all others for the command.
WAITS: Final = ("copying", "arriving", "cut", "ending", "destruction")

#: Of an account that is at the other vault.
GONE = frozenset({Phase.MOVED, Phase.DESTROYED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The move of one account, as one end knows it."""

    account_id: str
    #: The account's name.
    ref: str
    phase: Phase
    #: Public URL and label of the other vault.
    peer_url: str
    peer_cell: str | None
    begun_at: datetime
    #: How often the command has begun it: what an earlier run still does is refused.
    run: int = 0
    moved_at: datetime | None = None
    #: From when on keys and objects here are destroyed; None until the move has ended.
    destroy_at: datetime | None = None
    #: The statement, signed by both logs; None before the cut-over.
    statement: bytes | None = None
    #: SHA-256 of the digests of the tables that were taken away, in hexadecimal; None before the cut.
    rows_digest: str | None = None
    #: At the end where it arrived: the peer's key for links, wrapped by the root key of this vault.
    wrapped_peer_key: bytes | None = None

    def waits(self, now: datetime) -> tuple[str, timedelta] | None:
        """Return what the move waits for, one of WAITS, and for how long; None if it is over, or rests as intended.

        ``cut``: the account left here and is not known to have arrived, so no vault serves it. ``ending``: it has, and
        a restore there may not know it yet.
        """
        match self.phase:
            case Phase.COPYING | Phase.ARRIVING:
                return str(self.phase), now - self.begun_at
            case Phase.MOVED if self.destroy_at is None:
                return "cut" if self.statement is None else "ending", now - (self.moved_at or self.begun_at)
            case Phase.MOVED if self.destroy_at is not None and self.destroy_at <= now:
                return "destruction", now - self.destroy_at
            case _:
                return None
