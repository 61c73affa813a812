"""The verbs of requests that close something: decisions, closures taken back, and erasures of calls that wait."""

from datetime import UTC, datetime, timedelta
from typing import Final

from tests.support.parties import ME, causes, let_in
from tests.support.service_house import House
from vault.database.transaction import Transaction
from vault.domain.requests.request import Identity, PersonalData, RequestState, Verdict, Verification
from vault.errors import NotFound
from vault.services.lifecycle.erase_call import await_call_erasure
from vault.services.requests.new_request import NewRequest
from vault.services.requests.ruling_request import RulingRequest


async def asked(house: House, name: str) -> str:
    """Enter a request about a number that nothing has; return its id."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    personal = PersonalData(
        reference=name,
        identities=(Identity(type="number", value="+33612345699"),),
        verification=Verification(method="callback", at=at, by=ME["actor"]),
    )
    new = NewRequest(kind="restriction", regime="gdpr", received_at=at, personal=personal)
    view, _ = await house.vault.requests.requests.receive(house.account.id, new, **ME)
    return view.request.id


async def decide(house: House, request_id: str) -> None:
    """Decide on it."""
    ruling = RulingRequest(
        default=Verdict(code="kept_grounds"),
        verdicts={},
        reason="It is needed.",
        period=None,
        whole_time=False,
    )
    await house.vault.requests.requests.decide(house.account.id, request_id, ruling, **ME)


async def is_decided(house: House, request_id: str) -> bool:
    """Return whether it is decided."""
    try:
        view = await house.vault.requests.requests.read(house.account.id, request_id)
    except NotFound:
        return False
    return view.request.state is RequestState.EXECUTING


async def asked_closure(house: House, _: str) -> str:
    """Ask for the closure of the account; return its id."""
    closure, _is_new = await house.vault.requests.closures.ask(
        house.account.id, reason="The contract has ended.", export=False, **ME
    )
    return closure.id


async def take_closure_back(house: House, _: str) -> None:
    """Take it back."""
    await house.vault.requests.closures.take_back(house.account.id, **ME)


async def closure_is_withdrawn(house: House, closure_id: str) -> bool:
    """Return whether it is taken back."""
    try:
        closure = await house.vault.requests.closures.read(house.account.id)
    except NotFound:
        return False
    return (closure.id, closure.state) == (closure_id, RequestState.WITHDRAWN)


async def await_call(house: House, call: str) -> None:
    """Let the erasure of the call wait, as a worker does that finds a hold on it."""

    def wait(tx: Transaction) -> None:
        tx.lock_account_and_call(house.account.id, call)
        await_call_erasure(tx, house.account.id, call, actor=ME["actor"], at=tx.now())

    await house.vault.jobs.execute_requests.database.write(wait)


async def call_waits(house: House, call: str) -> bool:
    """Return whether the erasure of the call waits."""
    waiting = await house.database.read(lambda tx: tx.pending_calls.page(after=("", ""), limit=10))
    return call in {one.call_ref for one in waiting}


async def restricted(house: House, name: str) -> str:
    """Return a recording that the account itself has restricted."""
    recording_id = await let_in(house, name, call_ref=f"call-{name}")
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=True, reason=None, **ME
    )
    return recording_id


async def restrict_for_a_person(house: House, recording_id: str) -> None:
    """Restrict it for a request too."""
    await house.vault.recordings.recordings.restriction(
        house.account.id, recording_id, restricted=True, reason=None, request_id="req_1", **ME
    )


async def has_both_causes(house: House, recording_id: str) -> bool:
    """Return whether it is restricted for both."""
    row = await house.row(recording_id)
    return row.restricted and await causes(house, recording_id) == ["admin", "req_1"]


RESTRICTION: Final = {"prepare": restricted, "close": restrict_for_a_person, "closed": has_both_causes}
