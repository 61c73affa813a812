"""Calls from before an integration was activated: a preview, and a back-fill with its count."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.crm import NotebookPeer
from tests.support.handing import ANN, ME, activate, call, follow, hand_over, logged
from tests.support.service_house import House
from vault.domain.handover.integration import HandoverPolicy
from vault.errors import Invalid, Refused

_EVER: Any = {"since": datetime(2020, 1, 1, tzinfo=UTC), "until": datetime(2100, 1, 1, tzinfo=UTC)}


async def test_case_40_a_back_fill_shows_its_count_first(either: House, peer: NotebookPeer):
    """It is logged, and carried out with the number alone that was counted."""
    peer.contacts = [ANN]
    for ref in ("rec-1", "rec-2", "rec-3"):
        await call(either, ref)
    await follow(either)
    view = await activate(either)
    await hand_over(either)
    assert peer.requests == []
    fill, name = either.vault.handover.earlier_calls.back_fill, (either.account.id, view.integration.id)
    assert await fill(*name, expected=None, **_EVER, **ME) == 3
    await hand_over(either)
    assert peer.requests == []
    with pytest.raises(Refused) as refused:
        await fill(*name, expected=2, **_EVER, **ME)
    assert refused.value.reasons == ("changed",)
    assert await fill(*name, expected=3, **_EVER, **ME) == 3
    await hand_over(either)
    assert len(peer.records) == 3
    assert (await logged(either)).count("integration.back_filled") == 1
    assert await fill(*name, expected=None, **_EVER, **ME) == 0
    backwards = {"since": _EVER["until"], "until": _EVER["since"]}
    with pytest.raises(Invalid) as invalid:
        await fill(*name, expected=None, **backwards, **ME)
    assert invalid.value.field == "until"


async def test_a_preview_sends_nothing(either: House, peer: NotebookPeer):
    """It shows the fields and why a call would not be handed over, and is logged."""
    await call(either)
    await call(either, "rec-2", **{"from": "anonymous"})
    view = await activate(either, mask_numbers=True)
    found = await either.vault.handover.earlier_calls.preview(either.account.id, view.integration.id, **ME)
    assert sorted(str(one.cause) for one in found) == ["None", "no_number"]
    (shown,) = [one.text for one in found if one.cause is None]
    assert (shown.caller, shown.agent) == ("…5678", "Beatrice")
    assert peer.requests == []
    await either.database.write(lambda tx: tx.tree.settle())
    assert (await either.events()).count("details.read") == 2


async def test_a_preview_has_the_calls_of_its_connections_alone(either: House, peer: NotebookPeer):
    """As those that would be handed over: of an active integration, and of a policy before the activation."""
    await call(either)
    verbs, name = either.vault.handover.earlier_calls, either.account.id
    mine = HandoverPolicy(connections=(either.connection_id,))
    foreign = HandoverPolicy(connections=("conn_other",))
    view = await activate(either, connections=mine.connections)
    assert len(await verbs.preview(name, view.integration.id, **ME)) == 1
    for policy, number in ((HandoverPolicy(), 1), (mine, 1), (foreign, 0)):
        assert len(await verbs.preview_system(name, "notebook", policy, **ME)) == number
    await either.database.write(lambda tx: tx.tree.settle())
    assert (await either.events()).count("details.read") == 3
