"""What is done once more in each round with card data: what is found in a recording, and a decision on it."""

from datetime import UTC, datetime
from typing import Final

from tests.web.growth_scene import Grown
from vault.domain.ids import new_id
from vault.domain.recordings.card_data import FoundDigits, Proposal

#: A call has at most 50 pauses; the last ones are measured.
_PAUSES: Final = 35


def grow_pauses(grown: Grown, number: int) -> None:
    """Pause the recording of a call once more, and let it go on."""
    if number < _PAUSES or grown.is_measured:
        pause = grown.act("post_call_pause", body={})["id"]
        grown.act("post_call_pause_end", pause=pause)


def grow_proposals(grown: Grown, number: int) -> None:
    """Find digits once more, without a decoder; decide on them where that is measured."""
    grown.act("put_card_data", body={"keyed_digits": ("off", "propose")[number % 2]})
    grown.act("put_card_data", body={"keyed_digits": "off"})
    grown.act("get_card_data")
    grown.act("get_card_data_preview")
    grown.act("put_card_data", body={"keyed_digits": "propose"})
    grown.act("post_card_data_back_fill", body={"keyed_digits": "propose"})
    grown.act("get_card_data_back_fill")
    grown.act("patch_card_data_back_fill", body={"state": "stopped"})
    grown.act("put_card_data", body={"keyed_digits": "off"})
    recording_id = grown.ids["recording"]
    database = grown.house.vault.recordings.recordings.database
    account_id = grown.house.call(database.read, lambda tx: tx.recordings.by_id(recording_id)).account_id
    found = Proposal(
        id=new_id("prp"),
        account_id=account_id,
        recording_id=recording_id,
        digits=FoundDigits(kind="digits", begin_ms=50, end_ms=100),
        found_at=datetime(2026, 1, 5, tzinfo=UTC),
    )
    grown.house.call(database.write, lambda tx: tx.card_data.propose([found]))
    if grown.is_measured:
        grown.act("delete_redaction_proposal", proposal=found.id)
