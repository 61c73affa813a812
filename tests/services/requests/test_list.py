"""The list of requests."""

from sqlalchemy import update

from tests.services.requests.people import ask, asks
from tests.support.service_house import House
from vault.database.schema.requests import person_requests


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
