"""Callbacks: each change of a request is told to one URL, signed, without a number, and tried again."""

import base64
import hashlib
import hmac
import json

import pytest
from sqlalchemy import text

from tests.services.requests.people import ACTOR, PERSON, ask, asks, carried_out, decide, recorded
from tests.support.service_house import House
from vault.domain.calls.provider_api import RestReply, RestRequest
from vault.domain.requests.callback import MAX_TRIES, wait_after
from vault.domain.requests.request import RequestState
from vault.errors import FetchFailed, Invalid, NotFound

URL = "https://crm.example/hook"
_NOW = text("UPDATE request_deliveries SET next_try_at = 0")
GOOD, BUSY = RestReply(status=204, body=b""), RestReply(status=503, body=b"")


class Recorder:
    """A RestClient that keeps what is sent, and answers in turn; the last answer stays."""

    def __init__(self, *answers: RestReply | FetchFailed) -> None:
        """Answer with these."""
        self.sent: list[RestRequest] = []
        self.answers = list(answers)

    async def send(self, request: RestRequest) -> RestReply:
        """Keep a request."""
        self.sent.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, FetchFailed):
            raise answer
        return answer


async def tell(house: House, receiver: Recorder, *, rounds: int = 1) -> None:
    """Let the time come for every delivery, and send."""
    job = house.vault.jobs.send_callbacks
    object.__setattr__(job, "rest", receiver)
    for _ in range(rounds):
        await house.database.write(lambda tx: tx.connection.execute(_NOW) and None)
        await job()


async def test_each_change_is_told_signed_and_without_a_number(either: House):
    """The receiver verifies id, time and body with the secret that it got once."""
    await recorded(either, "call-1")
    before = await ask(either, asks("access", reference="ticket 0"))
    made = await either.vault.callbacks.set(either.account.id, URL, actor=ACTOR)
    view = await ask(either, asks(wish="Erase it all."))
    await decide(either, view.request.id)
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    receiver = Recorder(GOOD)
    await tell(either, receiver)
    told = [json.loads(one.body) for one in receiver.sent]
    assert sorted(one["type"] for one in told) == ["request.closed", "request.decided", "request.received"]
    assert {one["data"]["request"] for one in told} == {view.request.id}
    assert before.request.id not in str(told)
    assert {one["type"]: one["data"]["state"] for one in told}["request.closed"] == "fulfilled"
    key = base64.b64decode(made.secret.removeprefix("whsec_"))
    for one in receiver.sent:
        assert (one.method, one.url) == ("POST", URL)
        signed = b".".join(
            (one.headers["webhook-id"].encode(), one.headers["webhook-timestamp"].encode(), one.body)
        )
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert one.headers["webhook-signature"] == f"v1,{expected}"
        assert not any(trace in one.body for trace in (PERSON[1:].encode(), b"Erase it", b"ticket"))
    assert len({one.headers["webhook-id"] for one in receiver.sent}) == 3
    assert not await either.vault.jobs.send_callbacks.any_due()


async def test_what_does_not_arrive_is_tried_again_with_the_same_id(either: House):
    """First at once, then later and later; after the last try it is given up."""
    await either.vault.callbacks.set(either.account.id, URL, actor=ACTOR)
    await ask(either)
    receiver = Recorder(BUSY, FetchFailed("It did not answer."), GOOD)
    await tell(either, receiver, rounds=5)
    assert len(receiver.sent) == 3
    assert len({one.headers["webhook-id"] for one in receiver.sent}) == 1
    await ask(either, asks(reference="ticket 2"))
    deaf = Recorder(BUSY)
    await tell(either, deaf)
    assert not await either.vault.jobs.send_callbacks.any_due()
    await tell(either, deaf, rounds=MAX_TRIES + 3)
    assert len(deaf.sent) == MAX_TRIES
    assert [wait_after(tries).total_seconds() for tries in (0, 1, 2, 14)] == [5, 15, 45, 21600]


async def test_a_callback_is_sealed_replaced_and_deleted(house: House):
    """Its URL and secret lie nowhere in clear; a new one has a new secret, and a deleted one is told nothing."""
    first = await house.vault.callbacks.set(house.account.id, URL, actor=ACTOR)
    second = await house.vault.callbacks.set(house.account.id, URL, actor=ACTOR)
    assert first.secret != second.secret
    assert first.secret not in repr(first)
    assert (await house.vault.callbacks.read(house.account.id))[0] == URL
    files = b"".join(path.read_bytes() for path in house.database.path.parent.glob("vault.db*"))
    assert b"crm.example" not in files
    assert second.secret.encode() not in files
    await ask(house)
    await house.vault.callbacks.delete(house.account.id, actor=ACTOR)
    receiver = Recorder(GOOD)
    await tell(house, receiver)
    assert receiver.sent == []
    for again in (
        house.vault.callbacks.read(house.account.id),
        house.vault.callbacks.delete(house.account.id, actor=ACTOR),
    ):
        with pytest.raises(NotFound):
            await again


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/hook", "https://", "crm.example", "https://user:pass@crm.example/", "https://crm.example/#a",
        "https://crm.example/a b", "https://[::1", "https://bücher.example/",
    ],
)  # fmt: skip
async def test_another_url_is_refused(house: House, url: str):
    """It names the field."""
    with pytest.raises(Invalid) as refused:
        await house.vault.callbacks.set(house.account.id, url, actor=ACTOR)
    assert refused.value.field == "url"
