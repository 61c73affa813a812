"""A closure whose key cannot be used beside requests of other people."""

import pytest

from tests.services.requests.closures import closing, work
from tests.services.requests.people import ask, asks, carried_out, decide, recorded
from tests.support.service_house import House
from vault.database.stores.requests.requests import RequestRow
from vault.domain.requests.request import Request, RequestState
from vault.errors import OwnKeyUnusable
from vault.services.requests.sealed_requests import SealedRequests


async def test_a_closure_that_cannot_begin_stops_no_other_account(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """Its key cannot be used, as where a customer took an own one back: it is tried again later."""
    await recorded(either, "call-1")
    await closing(either)
    request = await ask(either, asks("restriction"))
    await decide(either, request.request.id, "restricted")
    job = either.vault.jobs.execute_requests
    opened = SealedRequests.open

    async def unusable(self: SealedRequests, row: RequestRow) -> Request:
        if row.request.kind == "closure":
            raise OwnKeyUnusable("The account's own key cannot be used.")
        return await opened(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(SealedRequests, "open", unusable)
        assert await carried_out(either, request.request.id) is RequestState.FULFILLED
        assert not await job()
        assert await either.database.read(lambda tx: tx.closures.next_try()) is not None
    assert (await either.vault.requests.closures.read(either.account.id)).state is RequestState.REVIEW
    assert await work(either) is RequestState.FULFILLED
