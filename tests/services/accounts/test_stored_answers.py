"""What ends the stored answers to requests with an Idempotency-Key before their day is over."""

from functools import partial

from sqlalchemy import Connection, select

from tests.support.listening import recording_of
from tests.support.service_house import House
from vault.database.schema.accounts import kept_answers
from vault.domain.accounts.account import AnswerSubject
from vault.services.accounts.idempotency import Idempotency

BODY = b'{"from": "+15125550177"}'


def _stored(connection: Connection) -> set[tuple[str | None, str | None]]:
    return {
        tuple(row) for row in connection.execute(select(kept_answers.c.recording_id, kept_answers.c.call_ref))
    }


async def stored(house: House) -> set[tuple[str | None, str | None]]:
    """Return the recordings and calls of the stored answers."""
    return await house.database.read(lambda tx: _stored(tx.connection))


async def _run(house: House, key: str, subject: AnswerSubject, *, erases: str | None = None) -> None:
    async def answer() -> tuple[int, bytes]:
        if erases is not None:
            await house.vault.recordings.recordings.erase(house.account.id, erases, actor="key_test")
        return 201, BODY

    await Idempotency(database=house.database, clock=house.vault.accounts.idempotency.clock).run(
        key_id="key_operator", bearer="b", idempotency_key=key, request=b"r", answer=answer, subject=subject
    )


async def test_what_is_erased_while_it_is_answered_is_not_stored(either: House):
    """Wrong: to store the answer after the erasure, for a day; its lease is released too."""
    recording = await recording_of(either, "Kim")
    subject = AnswerSubject(account_id=either.account.id, recording_id=recording)
    await _run(either, "first", subject)
    assert await stored(either) == {(recording, "call-Kim")}
    await _run(either, "second", subject, erases=recording)
    assert await stored(either) == set()
    await _run(either, "second", subject)
    assert await stored(either) == set()


async def test_the_facts_of_a_call_take_the_answers_about_it(either: House):
    """Also those about its recordings; those about another call and another account stay."""
    mine = partial(AnswerSubject, account_id=either.account.id)
    await _run(either, "1", mine(call_ref="c1"))
    await _run(either, "2", mine(call_ref="c2"))
    await _run(either, "3", AnswerSubject(account_id="acct_other", call_ref="c1"))
    await either.database.write(lambda tx: tx.call_facts.forget_call(either.account.id, "c1", held=()))
    assert await stored(either) == {(None, "c2"), (None, "c1")}
    await either.database.write(lambda tx: tx.stored_answers.forget_account(either.account.id))
    assert await stored(either) == {(None, "c1")}
