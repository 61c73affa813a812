"""What a vault gave out leads, and is valid, where the account is now."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import func, select

from tests.services.moves.conftest import HERE_URL, THERE_URL, TwoVaults
from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.listening import opened
from tests.support.permissions import link_wish
from tests.support.service_house import AUDIO, House
from tests.support.tenant import moment
from vault.database.schema.calls import call_facts
from vault.database.transaction import Transaction
from vault.domain.calls.provider_api import Delivery
from vault.domain.ids import Token
from vault.domain.outbox.attempt import Answer
from vault.domain.recordings.recording import State
from vault.errors import FetchFailed, NotAuthentic, NotFound
from vault.ports.telephony import Credentials
from vault.services.node import old_addresses
from vault.services.playback.doorways import door_of
from vault.telephony.providers.standard_webhooks.adapter import Platform
from vault.telephony.signatures.standard_webhooks import sign
from vault.web.app import Hosting, build


def client_of(house: House, url: str, **headers: str) -> httpx.AsyncClient:
    """Return a client of the whole app over a vault."""
    app = build(Hosting(public_url=url), lambda: datetime.now(UTC))
    app.state.vault, app.state.recovery = house.vault, house.vault.node.recovery
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url, headers=headers)


async def available(house: House, ref: str = "rec-1") -> str:
    """Return a recording that can be heard."""
    recording_id = (await house.announce(ref, call_ref=f"call-{ref}")).recording_id or ""
    assert await house.settle(recording_id) is State.AVAILABLE
    return recording_id


async def heard(house: House, token: Token) -> bytes:
    """Open a link and read the whole audio."""
    session, playback = await opened(house, token), house.vault.playback
    found = await playback.open_links.find(session.session.id, session.secret.text)
    sound = await playback.audio.for_session(found.session, found.recording)
    return b"".join([block async for block in await playback.audio.stream(sound, 0, sound.size)])


def connect(vaults: TwoVaults) -> None:
    """Let requests of the first vault reach the second one."""

    async def answer(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        async with client_of(vaults.there, THERE_URL) as client:
            got = await client.request(method, url, headers=dict(headers), content=body)
            return Answer(status=got.status_code, headers=dict(got.headers), body=got.content)

    vaults.here.outside.peers["there.example"] = answer


class SignsUrl(Platform):
    """A platform whose signature is over the URL too: it called the first vault."""

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Refuse what was not sent to the first vault."""
        if not delivery.url.startswith(f"{HERE_URL}/webhooks/platform/"):
            raise NotAuthentic("Another URL was signed.")
        super().authenticate(delivery, credentials)


def signed(house: House, kind: str, data: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a webhook."""
    now = datetime.now(UTC)
    body = json.dumps({"type": kind, "timestamp": moment(now), "data": data}).encode()
    return body, dict(sign(house.secret, delivery_id=secrets.token_hex(8), sent_at=now, body=body))


def webhook(house: House, ref: str) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of an announcement."""
    said = {
        "call_ref": f"call-{ref}",
        "recording_ref": ref,
        "recording_url": "https://media.example/call.wav",
    }
    return signed(house, "recording.completed", said)


async def test_a_link_leads_to_the_other_vault_and_plays_there(vaults: TwoVaults):
    """Also a link of which no session was opened yet; an invented one leads nowhere."""
    recording_id = await available(vaults.here)
    _, token = await vaults.here.vault.playback.links.create(
        vaults.here.account.id, recording_id, link_wish(), actor="key_test"
    )
    await vaults.move("leaver", actor="operator")
    async with client_of(vaults.here, HERE_URL) as client:
        led = await client.get(f"/p/{token.text}")
        nowhere = await client.get(f"/p/{token.text[:-1]}{'A' if token.text[-1] != 'A' else 'B'}")
    assert (led.status_code, led.headers["location"]) == (308, f"{THERE_URL}/p/{token.text}")
    assert nowhere.status_code == 404
    async with client_of(vaults.there, THERE_URL) as client:
        assert (await client.get(f"/p/{token.text}")).status_code == 200
    assert await heard(vaults.arrived, token) == AUDIO


async def test_signed_links_of_a_customer_go_on(vaults: TwoVaults):
    """The customer's key is registered with the id that the first vault gave it, and its links name that vault."""
    recording_id = await available(vaults.here)
    minter = await registered(vaults.here, Minter(audience=HERE_URL))
    await vaults.move("leaver", actor="operator")
    assert await heard(vaults.arrived, Token(minter.token(recording_id))) == AUDIO
    minter.audience = THERE_URL
    assert await heard(vaults.arrived, Token(minter.token(recording_id))) == AUDIO
    minter.audience = "https://elsewhere.example"
    with pytest.raises(NotFound):
        await heard(vaults.arrived, Token(minter.token(recording_id)))


async def test_a_key_of_the_other_vault_does_not_sign_for_the_first(vaults: TwoVaults):
    """The old address is one of those who came from there, not of everybody."""
    await available(vaults.here)
    await vaults.move("leaver", actor="operator")
    recording_id = await available(vaults.there)
    minter = await registered(vaults.there, Minter(audience=HERE_URL))
    with pytest.raises(NotFound):
        await heard(vaults.there, Token(minter.token(recording_id)))


async def test_a_doorway_leads_to_the_other_vault_and_is_known_there(vaults: TwoVaults):
    """A doorway that the first vault made of an account of the other one is not."""
    recording_id = await available(vaults.here)
    doorways = vaults.here.vault.playback.doorways
    door = await doorways.make(vaults.here.account.id, recording_id)
    await vaults.move("leaver", actor="operator")
    async with client_of(vaults.here, HERE_URL) as client:
        led = await client.get(f"/h/{door}")
    assert (led.status_code, led.headers["location"]) == (308, f"{THERE_URL}/h/{door}")
    found = await vaults.there.vault.playback.doorways.read(door)
    assert (found.account_id, found.recording_id) == (vaults.here.account.id, recording_id)
    native = await available(vaults.there, "native")
    forged = door_of(doorways.token_key, vaults.there.account.id, native)
    with pytest.raises(NotFound):
        await vaults.there.vault.playback.doorways.read(forged)


async def test_an_api_key_is_told_where_the_account_is(vaults: TwoVaults):
    """A key of another account learns nothing; the same key works at the other vault."""
    make = vaults.here.vault.accounts.api_keys.issue
    account = vaults.here.account
    _, own = await make(name="a", scopes=["recordings:read"], account_id=account.id, actor="test")
    other = await vaults.here.vault.accounts.accounts.find("acme")
    _, foreign = await make(name="b", scopes=["recordings:read"], account_id=other.id, actor="test")
    await vaults.move("leaver", actor="operator")
    path = "/v1/accounts/leaver/recordings"
    async with client_of(vaults.here, HERE_URL, Authorization=f"Bearer {own.text}") as client:
        told = await client.get(path)
    assert told.status_code == 421
    assert told.json()["address"] == THERE_URL
    async with client_of(vaults.here, HERE_URL, Authorization=f"Bearer {foreign.text}") as client:
        assert (await client.get(path)).status_code == 404
    async with client_of(vaults.there, THERE_URL, Authorization=f"Bearer {own.text}") as client:
        assert (await client.get(path)).status_code == 200


async def test_a_webhook_to_the_old_address_is_answered_by_the_other_vault(vaults: TwoVaults):
    """Its signature is over the old URL; a second delivery after the cut is one of the recording that came along."""
    before = (await vaults.here.announce("before", call_ref="call-before")).recording_id
    await vaults.move("leaver", actor="operator")
    connect(vaults)
    vaults.there.vault.ingest.webhooks.providers["platform"] = SignsUrl()  # type: ignore[index]
    path = f"/webhooks/platform/{vaults.here.connection_id}"
    async with client_of(vaults.here, HERE_URL) as client:
        body, headers = webhook(vaults.here, "after")
        first = await client.post(path, content=body, headers=headers)
        again = await client.post(path, content=body, headers=headers)
        body, headers = webhook(vaults.here, "before")
        retried = await client.post(path, content=body, headers=headers)
        wrong = await client.post(path, content=body + b" ", headers=headers)
    assert (first.status_code, first.json()["status"]) == (202, "accepted")
    assert again.json() == first.json() | {"status": "duplicate"}
    assert retried.json()["recording"] == before
    assert wrong.status_code == 401
    row = await vaults.arrived.row(first.json()["recording"])
    assert row.account_id == vaults.here.account.id


async def test_only_the_vault_where_the_account_was_can_name_another_url(vaults: TwoVaults):
    """The header alone proves nothing."""
    await vaults.move("leaver", actor="operator")
    vaults.there.vault.ingest.webhooks.providers["platform"] = SignsUrl()  # type: ignore[index]
    body, headers = webhook(vaults.here, "after")
    path = f"/webhooks/platform/{vaults.here.connection_id}"
    headers[old_addresses.PASSED_ON] = f"{'0' * 64} {HERE_URL}{path}"
    async with client_of(vaults.there, THERE_URL) as client:
        assert (await client.post(path, content=body, headers=headers)).status_code == 401


async def test_a_webhook_that_cannot_be_passed_on_is_sent_again(vaults: TwoVaults):
    """The platform gets a 503 while the other vault does not answer."""
    await vaults.move("leaver", actor="operator")

    async def fails(*_: object) -> Answer:
        raise FetchFailed("It did not answer.")

    vaults.here.outside.peers["there.example"] = fails
    body, headers = webhook(vaults.here, "after")
    async with client_of(vaults.here, HERE_URL) as client:
        path = f"/webhooks/platform/{vaults.here.connection_id}"
        assert (await client.post(path, content=body, headers=headers)).status_code == 503


async def test_an_account_that_came_does_not_go_on(vaults: TwoVaults):
    """Its old addresses lead here, and no further."""
    await vaults.move("leaver", actor="operator")
    back = replace(vaults.move, here=vaults.move.there, there=vaults.move.here)
    with pytest.raises(Exception, match="cannot move again"):
        await back("leaver", actor="operator")


@pytest.mark.parametrize("warm", [True, False])
async def test_facts_of_a_call_after_the_cut_are_at_the_other_vault(vaults: TwoVaults, warm: bool):
    """Also where a node of the first one has the connection in memory: nothing is taken for an account that left."""
    if warm:
        await vaults.here.announce("before", call_ref="call-before")

    def facts(tx: Transaction) -> int:
        mine = call_facts.c.account_id == vaults.here.account.id
        return tx.connection.execute(select(func.count()).select_from(call_facts).where(mine)).scalar_one()

    await vaults.move("leaver", actor="operator")
    connect(vaults)
    carried = await vaults.there.database.read(facts)
    parties = {"direction": "inbound", "from": "+33123456780", "to": "+33612345678"}
    body, headers = signed(vaults.here, "call.started", {"call_ref": "late"} | parties)
    async with client_of(vaults.here, HERE_URL) as client:
        answer = await client.post(
            f"/webhooks/platform/{vaults.here.connection_id}", content=body, headers=headers
        )
    assert answer.json()["status"] == "noted"

    assert await vaults.here.database.read(facts) == 0
    assert await vaults.there.database.read(facts) == carried + 1
