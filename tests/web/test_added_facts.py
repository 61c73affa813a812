"""Later facts of a call never cancel an objection, nor a moment in which recording was switched off."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.tenant import Tenant, moment, tone
from tests.support.web_house import House

OBJECTS, OTHER = "+14155550187", "+12125550100"
#: How a later event may write the number, or another one.
SPELLINGS = (
    "anonymous", "4155550187", "sip:+14155550187@gw.example", "sips:%2B14155550187@gw.example;user=phone",
    "14155550187", "0014155550187", "+14155550187;ext=1", "tel:+1-415-555-0187", "+12125550199", "client:alice",
    "whatsapp:+14155550187", "+00 1 415 555 0187", "011 1 415 555 0187", '"A" <sip:4155550187@gw.example>',
)  # fmt: skip
#: Of these each is the number that objects, also where no other event wrote it in full.
READ_ALONE = [one for one in SPELLINGS if "5550187" in one.replace("-", "").replace(" ", "")]


def call(tenant: Tenant, ref: str, caller: str, **more: Any) -> dict[str, Any]:
    """Tell of a call, and return the decision."""
    said = {"direction": "inbound", "from": caller, "to": OTHER, "started_at": moment(datetime.now(UTC))}
    answer = tenant.http.put(tenant.url(f"/calls/{ref}"), json=said | more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["decision"])


@pytest.fixture(scope="module")
def objected(house: House) -> Tenant:
    """An account in the United States that must not record a number."""
    tenant = Tenant.open(house.admin)
    renamed = tenant.http.put(tenant.url(), json={"locale": "en-US"})
    assert renamed.status_code == 200, renamed.text
    assert tenant.http.put(tenant.url(f"/objections/{OBJECTS}")).status_code == 201
    return tenant


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_later_number_does_not_cancel_an_objection(objected: Tenant, written: str):
    """Whatever a later request says of the caller: neither the call nor an upload of it is recorded."""
    ref = f"later-{SPELLINGS.index(written)}"
    assert call(objected, ref, OBJECTS)["record"] is False
    assert call(objected, ref, written)["record"] is False
    answer = objected.put(tone(0.1), call=ref, ref=ref)
    assert (answer.status_code, answer.json()["reasons"][0]) == (409, "objection")


@pytest.mark.parametrize("written", READ_ALONE)
def test_an_objection_counts_in_every_spelling(objected: Tenant, written: str):
    """Where no other event wrote the number in full, and on either side of the call."""
    ref = f"alone-{SPELLINGS.index(written)}"
    assert call(objected, ref, written)["record"] is False
    assert call(objected, f"{ref}-to", OTHER, to=written)["record"] is False


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_later_webhook_does_not_cancel_an_objection(objected: Tenant, written: str):
    """The number may have been said by the webhook of another recording, which was refused for it."""
    ref = f"hook-{SPELLINGS.index(written)}"
    url = "https://media.example/gone.wav"
    first = objected.announce(url, call=ref, ref=f"{ref}-1", from_=OBJECTS, to=OTHER)
    assert first.json()["status"] == "refused", first.text
    second = objected.announce(url, call=ref, ref=f"{ref}-2", from_=written, to=OTHER)
    assert second.json()["status"] == "refused", second.text
    assert objected.hook("call.ended", call_ref=ref, from_=written, to=OTHER).status_code == 200
    answer = objected.put(tone(0.1), call=ref, ref=ref)
    assert (answer.status_code, answer.json()["reasons"][0]) == (409, "objection")


@pytest.fixture(scope="module")
def switched(house: House) -> tuple[Tenant, datetime, datetime]:
    """An account that was switched off for a moment; a moment before that, and one after it."""
    tenant = Tenant.open(house.admin)
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    tenant.switch(enabled=False)
    tenant.switch(enabled=True)
    return tenant, before, datetime.now(UTC) + timedelta(milliseconds=1)


@pytest.mark.parametrize("by", ["request", "webhook"])
@pytest.mark.parametrize("what", ["a later start", "an earlier end", "both"])
def test_a_later_event_does_not_move_a_call_away_from_a_moment_off(
    switched: tuple[Tenant, datetime, datetime], what: str, by: str
):
    """The call reaches from the earliest start to the latest end that was ever said."""
    tenant, before, after = switched
    ref = f"{by}-{what.replace(' ', '-')}"
    long = {"started_at": moment(before - timedelta(hours=1)), "ended_at": moment(after)}
    moved = {
        "a later start": {"started_at": moment(after)},
        "an earlier end": {"ended_at": moment(before - timedelta(minutes=1))},
        "both": {"started_at": moment(after), "ended_at": moment(after)},
    }[what]
    call(tenant, ref, OTHER, **long)
    if by == "request":
        call(tenant, ref, OTHER, **(long | moved))
    else:
        assert tenant.hook("call.ended", call_ref=ref, **moved).status_code == 200
    answer = tenant.put(tone(0.1), call=ref, ref=ref)
    assert (answer.status_code, answer.json().get("reasons", [None])[0]) == (409, "switched_off_during_call")
