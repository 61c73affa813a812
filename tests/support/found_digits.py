"""Keyed digits that were found in recordings, without a decoder."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from tests.support.web_house import House
from vault.domain.ids import new_id
from vault.domain.recordings.card_data import FoundDigits, Kind, Proposal

#: In which call, what they can be, and from when to when, in milliseconds.
FOUND_DIGITS: Final[tuple[tuple[str, Kind, int, int], ...]] = (
    ("call-20417", "card_number", 12_300, 17_900),
    ("call-20391", "digits", 81_000, 84_200),
)


def propose(house: House, ids: Mapping[str, str]) -> None:
    """Let digits be found in the recordings of these calls; ``ids`` are those of recordings by their calls."""
    first = ids[FOUND_DIGITS[0][0]]
    account_id = house.call(house.vault.database.read, lambda tx: tx.recordings.by_id(first)).account_id
    found = [
        Proposal(
            id=new_id("prp"), account_id=account_id, recording_id=ids[ref],
            digits=FoundDigits(kind=kind, begin_ms=begin, end_ms=end), found_at=datetime.now(UTC),
        )
        for ref, kind, begin, end in FOUND_DIGITS
    ]  # fmt: skip
    house.call(house.vault.database.write, lambda tx: tx.card_data.propose(found))
