"""The list of requests.

Deadlines of stored requests: what has passed is not moved.

Decided requests that wait: each is tried again later, and none keeps another one from its turn.
"""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.services.requests.people import ACTOR, ago, ask, asks, carried_out, decide, recorded
from tests.support.service_house import House
from vault.database.schema.requests import person_requests
from vault.domain.requests.request import RequestState
from vault.errors import Refused, Unavailable


async def test_a_damaged_request_does_not_hide_the_others(either: House):
    """It is listed with its state and its dates, without its content."""
    damaged = await ask(either)
    whole = await ask(either, asks(reference="ticket 2"))
    broken = update(person_requests).where(person_requests.c.id == damaged.request.id)
    await either.database.write(
        lambda tx: tx.connection.execute(broken.values(sealed_personal=b"\x00")) and None
    )
    page = await either.vault.requests.requests.page(
        either.account.id, state=None, due_before=None, before=None, limit=9
    )
    shown = {view.request.id: view.request.personal for view in page}
    assert shown == {damaged.request.id: None, whole.request.id: whole.request.personal}


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


async def test_requests_that_wait_block_no_other(either: House, monkeypatch: pytest.MonkeyPatch):
    """A full batch of requests that can only wait, all more urgent: the last one is carried out all the same."""
    waiting = []
    for number in range(25):
        view = await ask(
            either, asks(reference=f"ticket {number}", numbers=((f"+336123456{number:02}", None),))
        )
        await decide(either, view.request.id)
        waiting.append(view.request.id)
    last = await ask(either, asks(regime="none", reference="last"))
    await decide(either, last.request.id)
    job = either.vault.jobs.execute_requests
    closing = type(job.receipts).close_if_done

    async def waits(self: object, request: object) -> bool:
        return request.id not in waiting and await closing(self, request)

    monkeypatch.setattr(type(job.receipts), "close_if_done", waits)
    for _ in range(3):
        await job()
    shown = await either.vault.requests.requests.read(either.account.id, last.request.id)
    assert shown.request.state is RequestState.FULFILLED


async def test_the_wait_doubles_and_progress_ends_it(house: House, monkeypatch: pytest.MonkeyPatch):
    """A request for which a part is down costs less and less, and is carried out once that is back."""
    recording_id = await recorded(house, "call-1")
    view = await ask(house)
    await decide(house, view.request.id)
    job = house.vault.jobs.execute_requests

    async def down(*_: object) -> None:
        raise Unavailable("The key service does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(type(job.find), "terms", down)
        for tries, seconds in enumerate([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300], start=1):
            before, wait = await house.database.read(lambda tx: tx.now()), timedelta(seconds=seconds)
            assert not await job()
            following, after = await house.database.read(lambda tx: (tx.requests.next_try(), tx.now()))
            # With jitter: at least half of the wait.
            assert before + wait / 2 <= following <= after + wait
            # A machine may take as long as a short wait.
            assert seconds < 60 or not await job.any_due()
            await house.database.write(
                lambda tx, tries=tries: tx.requests.try_again(view.request.id, None, tries=tries)
            )
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    assert recording_id
