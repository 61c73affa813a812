"""A restricted recording plays for legal claims alone, by a link of a key that may restrict, and on record."""

from datetime import timedelta

import pytest

from tests.support.listening import heard
from tests.support.service_house import House
from vault.domain.ids import Token
from vault.domain.playback.link import Purpose
from vault.errors import Forbidden, Invalid, NotFound, Refused
from vault.services.playback.link_request import LinkRequest

ME = {"actor": "key_test"}


async def link(
    house: House, recording_id: str, purpose: Purpose | None, *, text: str | None = None, may: bool = True
) -> Token:
    """Create a link for a purpose."""
    wish = LinkRequest(
        listener="Counsel", kind="player", life=timedelta(hours=1), sessions=5, purpose=purpose,
        purpose_text=text, may_open_restricted=may,
    )  # fmt: skip
    _, token = await house.vault.links.create(house.account.id, recording_id, wish, **ME)
    return token


async def test_case_38_a_restricted_recording_plays_for_legal_claims_alone(pair: House):
    """Every other link, and a download by API key, give nothing; the log has the purpose and who made the link."""
    recording_id = (await pair.announce()).recording_id
    await pair.settle(recording_id)
    before = await link(pair, recording_id, "quality")
    assert await heard(pair, before)
    await pair.vault.recordings.restrict(
        pair.account.id, recording_id, restricted=True, reason="art. 18", **ME
    )
    with pytest.raises(NotFound):
        await heard(pair, before)
    with pytest.raises(NotFound):
        await pair.heard(recording_id)
    for purpose in (None, "quality", "dispute"):
        with pytest.raises(Refused, match="restricted"):
            await link(pair, recording_id, purpose, text="Acme v. Doe")
    with pytest.raises(Forbidden, match="privacy:write"):
        await link(pair, recording_id, "legal_claims", text="Acme v. Doe", may=False)
    with pytest.raises(Invalid) as unsaid:
        await link(pair, recording_id, "legal_claims")
    assert unsaid.value.field == "purpose_text"
    assert await heard(pair, await link(pair, recording_id, "legal_claims", text="Acme v. Doe"))
    await pair.vault.jobs.log_publisher.sequence()
    page = await pair.database.read(
        lambda tx: tx.events.page(pair.account.id, recording_id=recording_id, start=0, limit=100)
    )
    made = [one.event for one in page if one.event.type == "link.created"]
    assert [event.result for event in made] == ["quality", "legal_claims"]
    assert {one.event.link_id for one in page if one.event.type == "playback.grant"} == {
        event.link_id for event in made
    }
