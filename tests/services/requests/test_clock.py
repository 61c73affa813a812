"""Deadlines of stored requests: what has passed is not moved."""

from datetime import UTC, datetime

import pytest

from tests.services.requests.people import ACTOR, ago, ask, asks
from tests.support.service_house import House
from vault.errors import Refused


async def overdue(house: House) -> int:
    """Return how many requests are late."""
    return await house.database.read(lambda tx: tx.requests.overdue(tx.now()))


async def test_a_later_verification_does_not_begin_the_period_again(either: House):
    """A request of the UK that is late stays late; the same verification again writes nothing."""
    view = await ask(either, asks("access", regime="uk", received_at=ago(days=80)))
    requests, names = either.vault.requests.requests, (either.account.id, view.request.id)
    assert await overdue(either) == 1
    for at in (ago(days=70), ago(minutes=1)):
        with pytest.raises(Refused) as later:
            await requests.verify(*names, "callback", at, actor=ACTOR)
        assert later.value.reasons == ("verified",)
    known = view.request.personal
    assert known is not None
    assert known.verification is not None
    same = await requests.verify(*names, "callback", known.verification.at, actor="key_other")
    assert same.request == view.request
    assert same.deadline == view.deadline
    assert await overdue(either) == 1


async def test_a_pause_for_the_identity_ends_with_the_verification(either: House):
    """It is not shown as paused any more, and the deadline stands."""
    new = asks("access", regime="uk", received_at=ago(days=3), verified=False)
    view = await ask(either, new)
    requests, names = either.vault.requests.requests, (either.account.id, view.request.id)
    paused = await requests.pause(*names, "identity", actor=ACTOR)
    assert paused.request.personal is not None
    assert paused.request.personal.waiting is not None
    verified = await requests.verify(*names, "login", datetime.now(UTC), actor=ACTOR)
    shown = await requests.read(*names)
    assert shown.request.personal is not None
    assert shown.request.personal.waiting is None
    assert shown.deadline == verified.deadline
    with pytest.raises(Refused) as ended:
        await requests.resume(*names, actor=ACTOR)
    assert ended.value.reasons == ("not_paused",)


async def test_a_late_request_is_not_paused(either: House):
    """A pause of a moment would have made it timely again."""
    view = await ask(either, asks("access", regime="uk", received_at=ago(days=80)))
    requests, names = either.vault.requests.requests, (either.account.id, view.request.id)
    with pytest.raises(Refused) as late:
        await requests.pause(*names, "clarification", actor=ACTOR)
    assert late.value.reasons == ("overdue",)
    shown = await requests.read(*names)
    assert shown.deadline == view.deadline
    assert await overdue(either) == 1
