"""A restricted recording plays for legal claims alone, by a link of a key that may restrict, and on record."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.listening import heard, opened, played
from tests.support.service_house import House
from vault.database.schema.core import links, recordings
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
    _, token = await house.vault.playback.links.create(house.account.id, recording_id, wish, **ME)
    return token


async def test_case_38_a_restricted_recording_plays_for_legal_claims_alone(pair: House):
    """Every other link, and a download by API key, give nothing; the log has the purpose and who made the link."""
    recording_id = (await pair.announce()).recording_id
    await pair.settle(recording_id)
    before = await link(pair, recording_id, "quality")
    assert await heard(pair, before)
    await pair.vault.recordings.recordings.restrict(
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


async def test_the_right_is_given_when_the_link_is_made(pair: House):
    """A link from before the restriction plays after it only if its creator had the right then, and said the claim."""
    recording_id = (await pair.announce()).recording_id
    await pair.settle(recording_id)
    given = await link(pair, recording_id, "legal_claims", text="Acme v. Doe")
    claimed = [
        await link(pair, recording_id, "legal_claims", text="Acme v. Doe", may=False),
        await link(pair, recording_id, "legal_claims"),
        await link(pair, recording_id, None, text="Acme v. Doe"),
    ]
    sessions = [await opened(pair, token) for token in (given, *claimed)]
    for session in sessions:
        assert await played(pair, session)
    await pair.vault.recordings.recordings.restrict(
        pair.account.id, recording_id, restricted=True, reason="art. 18", **ME
    )
    assert await played(pair, sessions[0])
    assert await heard(pair, given)
    for token, session in zip(claimed, sessions[1:], strict=True):
        with pytest.raises(NotFound):
            await heard(pair, token)
        with pytest.raises(NotFound):
            await played(pair, session)


async def test_a_link_of_an_earlier_release_has_no_such_right(either: House):
    """Nobody kept whether its creator might have given it, so its purpose alone plays nothing restricted."""
    recording_id = (await either.announce()).recording_id
    await either.settle(recording_id)
    token = await link(either, recording_id, "legal_claims", text="Acme v. Doe")
    session = await opened(either, token)
    before = update(links).values(plays_restricted=None)
    await either.database.write(lambda tx: tx.connection.execute(before) and None)
    restricted = update(recordings).values(
        restricted=True
    )  # By a node of that release, which revokes nothing.
    await either.database.write(lambda tx: tx.connection.execute(restricted) and None)
    with pytest.raises(NotFound):
        await heard(either, token)
    with pytest.raises(NotFound):
        await played(either, session)


@pytest.mark.parametrize("restricted", [True, False])
async def test_a_signed_link_has_no_such_right(either: House, *, restricted: bool):
    """It names no purpose: a claim that says one makes the token invalid, and without it nothing restricted plays."""
    recording_id = (await either.announce()).recording_id
    await either.settle(recording_id)
    minter = await registered(either, Minter())
    for claims in ({"purpose": "legal_claims"}, {"plays_restricted": True}):
        with pytest.raises(NotFound):
            await heard(either, Token(minter.token(recording_id, **claims)))
    token = Token(minter.token(recording_id))
    session = await opened(either, token)
    if restricted:
        await either.vault.recordings.recordings.restrict(
            either.account.id, recording_id, restricted=True, reason="r", **ME
        )
        with pytest.raises(NotFound):
            await played(either, session)
        with pytest.raises(NotFound):
            await heard(either, token)
    else:
        assert await played(either, session)
