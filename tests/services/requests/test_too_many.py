"""A person of whom more is found than one decision can be on: nothing that was entered is lost."""

import pytest

from tests.services.requests.people import ACTOR, ago, ask, asks, call, carried_out, decide
from tests.support.service_house import House
from vault.database.stores.requests import person_search
from vault.domain.requests.request import Period, RequestState
from vault.errors import Refused
from vault.services.requests import find_person


@pytest.fixture(autouse=True)
def _two_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (find_person, person_search):
        monkeypatch.setattr(module, "MAX_FOUND", 2)


async def test_what_is_stored_is_answered(either: House):
    """Entering it, twice, reading, verifying, pausing and resuming it; none shows what is found."""
    for number in range(3):
        await call(either, f"call-{number}")
    new = asks(verified=False, received_at=ago(days=1))
    first = await ask(either, new)
    names = (either.account.id, first.request.id)
    requests = either.vault.requests.requests
    views = [
        first,
        await ask(either, new),
        await requests.read(*names),
        await requests.verify(*names, "callback", ago(minutes=1), actor=ACTOR),
        await requests.pause(*names, "fee", actor=ACTOR),
        await requests.resume(*names, actor=ACTOR),
    ]
    assert {view.request.id for view in views} == {first.request.id}
    assert [(view.found, view.too_many) for view in views] == [(None, True)] * 6
    assert views[-1].request.revision == 4
    withdrawn = await requests.withdraw(*names, actor=ACTOR)
    assert (withdrawn.request.state, withdrawn.too_many) == (RequestState.WITHDRAWN, False)


async def test_only_the_decision_is_refused_and_a_period_is_the_remedy(either: House):
    """The request stays open, and a preview of the period shows what the decision would be on."""
    for number in range(3):
        await call(either, f"call-{number}", at=ago(days=number + 1))
    view = await ask(either, asks(received_at=ago(hours=1)))
    with pytest.raises(Refused, match="send a shorter period") as refused:
        await decide(either, view.request.id)
    assert refused.value.reasons == ("too_many_found",)
    period = Period(since=ago(days=2, hours=1))
    shown = await either.vault.requests.requests.read(either.account.id, view.request.id, period=period)
    assert shown.found is not None
    assert [one.call_ref for one in shown.found.calls] == ["call-1", "call-0"]
    assert shown.request.state is RequestState.REVIEW
    await decide(either, view.request.id, period=period)
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED


async def test_what_is_not_above_the_maximum_is_shown(either: House):
    """The maximum itself is found and decided on."""
    for number in range(2):
        await call(either, f"call-{number}")
    view = await ask(either)
    assert view.found is not None
    assert (len(view.found.calls), view.too_many) == (2, False)
