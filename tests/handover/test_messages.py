"""Receivers of messages, and channels: who objects, a lost answer, an erasure meanwhile, and a rotated secret."""

import json
from typing import Any

import pytest

from tests.handover.test_systems import activated
from tests.support.handing import CUSTOMER, ME, all_handovers, call, erase, hand_over, logged, states
from tests.support.service_house import House
from vault.crm.registry import SYSTEMS
from vault.domain.outbox.signature import new_secret
from vault.services.handover.credentials import IntegrationChange

_BY_NAME = {one.name: one for one in SYSTEMS}


def types_of(peer: Any) -> list[str]:
    """Return the types of the messages that arrived."""
    return [json.loads(one.body)["type"] for one in peer.asked]


@pytest.mark.parametrize("system", ["slack", "zapier", "webhook"])
async def test_nothing_is_told_of_somebody_who_objects(either: House, system: str):
    """Where no contact is looked up, too: no request leaves."""
    peer = await activated(either, _BY_NAME[system])
    await call(either)
    await either.vault.consent.objections.enter(either.account.id, CUSTOMER, reason=None, **ME)
    await hand_over(either)
    assert await states(either) == ["unmatched number_objects"]
    assert peer.asked == []
    assert "handover.sent" not in await logged(either)


async def test_a_lost_answer_is_followed_by_the_same_message(either: House):
    """It has the same id, and the receiver takes it once."""
    peer = await activated(either, _BY_NAME["webhook"], True)
    await call(either)
    await hand_over(either)
    assert await states(either) == ["unknown"]
    await hand_over(either, rounds=2)
    assert await states(either) == ["present"]
    assert types_of(peer) == ["call.handed_over"] * 2
    assert len({one.headers["webhook-id"] for one in peer.asked}) == 1
    assert (await logged(either)).count("handover.sent") == 2


async def test_what_may_have_been_told_is_taken_back(either: House):
    """An erasure after a lost answer: the receiver is told to remove it, and nothing of the call again."""
    peer = await activated(either, _BY_NAME["webhook"], True)
    recording_id = await call(either)
    await hand_over(either)
    assert await states(either) == ["unknown"]
    await erase(either, recording_id)
    await hand_over(either, rounds=2)
    (handover,) = await all_handovers(either)
    assert (handover.state, handover.residue) == ("absent", ("told",))
    assert types_of(peer) == ["call.handed_over", "call.removed"]
    assert not any(CUSTOMER in one for one in peer.shown())


async def test_a_secret_is_replaced_without_a_gap(either: House):
    """Both sign while both are entered; the receiver changes to the new one when it wants to."""
    peer = await activated(either, _BY_NAME["webhook"])
    (view,) = await either.vault.handover.integrations.list(either.account.id)
    new = new_secret()
    for place, (entered, verified) in enumerate(
        [(f"{new} {peer.key}", peer.key), (f"{new} {peer.key}", new), (new, new)]
    ):
        wanted = IntegrationChange(key=entered)
        await either.vault.handover.integrations.change(either.account.id, view.integration.id, wanted, **ME)
        peer.key = verified
        await call(either, f"rec-{place}")
        await hand_over(either)
    assert await states(either) == ["present"] * 3
    peer.key = new_secret()
    await call(either, "rec-9")
    await hand_over(either)
    (view,) = await either.vault.handover.integrations.list(either.account.id)
    assert view.integration.unauthorized_since is not None
