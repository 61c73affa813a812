"""Budgets of every kind: while one is spent no write leaves, whoever says so, and removals go first and apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.fakes.crm import NotebookPeer
from tests.handover.test_systems import activated
from tests.support.handing import ANN, activate, call, erase, hand_over, states
from tests.support.service_house import House
from vault.crm.registry import SYSTEMS
from vault.domain.handover.integration import destination_of
from vault.simulator.crm.crm import Fault
from vault.simulator.exchange import Reply, json_reply

_BY_NAME = {one.name: one for one in SYSTEMS}
HOUR = 3600
#: Messages to one destination at a time.
_ON_THEIR_WAY = 2


@dataclass(frozen=True, kw_only=True)
class Spent:
    """A system whose budget is spent: what it answers, and the seconds within which nothing is sent to it."""

    system: str
    budget: str
    reply: Reply
    least: float
    most: float


def too_many(body: object = None, headers: Mapping[str, str] | None = None, status: int = 429) -> Reply:
    """Return the answer of a system that takes no more requests."""
    return json_reply(status, body if body is not None else {}, headers or {})


_HUBSPOT_DAY = {"errorType": "RATE_LIMIT", "policyName": "DAILY"}
_HUBSPOT_SECONDS = {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}
_DAY = "24 hours"
_SALESFORCE_DAY = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "simulated"}]
_PAGE = Reply(status=403, body=b"<html>Too many</html>", content_type="text/html")
SPENT = [
    Spent(system="hubspot", budget="ten seconds", reply=too_many(_HUBSPOT_SECONDS), least=1, most=60),
    Spent(system="hubspot", budget="a day", reply=too_many(_HUBSPOT_DAY), least=600, most=7 * HOUR),
    Spent(
        system="zendesk", budget="a minute", reply=too_many(headers={"retry-after": "93"}), least=90, most=120
    ),
    Spent(
        system="salesforce",
        budget="24 hours",
        reply=too_many(_SALESFORCE_DAY, status=403),
        least=600,
        most=7 * HOUR,
    ),
    Spent(system="pipedrive", budget="a page of an edge", reply=_PAGE, least=1, most=60),
    Spent(
        system="freshdesk",
        budget="an hour",
        reply=too_many(headers={"retry-after": "1800"}),
        least=1700,
        most=2100,
    ),
    Spent(
        system="slack", budget="a channel", reply=too_many(headers={"retry-after": "37"}), least=30, most=60
    ),
    Spent(
        system="webhook",
        budget="its own",
        reply=too_many(headers={"retry-after": "120"}),
        least=110,
        most=150,
    ),
    Spent(system="zapier", budget="a second", reply=too_many(), least=1, most=60),
]


async def wait_of(house: House, *, removals: bool) -> float | None:
    """Return for how many seconds nothing is sent to the one integration; None: nothing stands against it."""
    (view,) = await house.vault.handover.integrations.list(house.account.id)
    to = destination_of(view.integration.id, removals=removals)
    health, now = await house.database.write(lambda tx: tx.outbox_outcomes.health(to))
    return None if health.blocked_until is None else (health.blocked_until - now).total_seconds()


@pytest.mark.parametrize("spent", SPENT, ids=[f"{one.system} {one.budget}" for one in SPENT])
async def test_a_spent_budget_is_never_exceeded(house: House, spent: Spent):
    """After the answer nothing more is written for as long as it says; a removal goes meanwhile."""
    peer = await activated(house, _BY_NAME[spent.system])
    first = await call(house)
    await hand_over(house, rounds=2)
    assert await states(house) == ["present"]
    peer.faults += [Fault(reply=spent.reply)] * 20
    await call(house, "rec-2")
    await call(house, "rec-3")
    before = len(peer.asked)
    await hand_over(house)
    # Two of one turn may be on their way.
    assert 1 <= len(peer.asked) - before <= _ON_THEIR_WAY
    waits = await wait_of(house, removals=False)
    assert waits is not None
    assert spent.least <= waits <= spent.most
    sent = len(peer.asked)
    await house.vault.jobs.send_outbox()
    await house.vault.jobs.send_outbox.idle()
    assert len(peer.asked) == sent
    # What is left is the reserve.
    peer.faults.clear()
    await erase(house, first)
    await hand_over(house)
    assert await wait_of(house, removals=True) is None
    assert "absent" in await states(house)


async def test_removals_go_before_what_is_written(either: House, peer: NotebookPeer):
    """What waits to be removed after a pause of the system goes first, and only then a new call."""
    peer.contacts = [ANN]
    await activate(either)
    first = await call(either)
    await hand_over(either)
    await erase(either, first)
    await call(either, "rec-2")
    peer.requests.clear()
    await hand_over(either, rounds=2)
    names = [one.split(" ")[0] for one in peer.requests]
    assert names.index("DELETE") < names.index("POST")
    assert sorted(await states(either)) == ["absent", "present"]
