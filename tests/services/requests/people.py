"""A person in a house: calls of their number, a request about them, and a worker that carries out what was decided."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from tests.support.service_house import House
from vault.database.schema.requests import person_requests
from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.requests.request import (
    Identity,
    Kind,
    Period,
    PersonalData,
    Regime,
    RequestState,
    Verdict,
    Verification,
)
from vault.services.requests.new_request import NewRequest
from vault.services.requests.requests import RequestView
from vault.services.requests.ruling_request import RulingRequest

PERSON = "+33612345678"
OTHER = "+442079460123"
ACTOR = "key_privacy"
#: Ten digits that a platform sent without their country: of Washington, and by their length also of Egypt.
AMBIGUOUS = "2025550100"
EGYPTIAN = "+2025550100"
AMERICAN = "+12025550100"


async def at_home(house: House, place: str) -> None:
    """Let the account's numbers be of a place, and let in what lacks evidence."""
    policy = ConsentPolicy(missing_evidence="accept", reason="not the subject", home_place=place)
    await house.vault.consent.policy.set(house.account.id, policy, if_version=None, actor=ACTOR)


def ago(**time: float) -> datetime:
    """Return a moment in the past, in whole seconds."""
    return (datetime.now(UTC) - timedelta(**time)).replace(microsecond=0)


async def call(
    house: House,
    ref: str,
    *,
    caller: str = PERSON,
    callee: str = OTHER,
    at: datetime | None = None,
    **facts: Any,
) -> None:
    """Report a call without a recording."""
    told = CallFacts(call_ref=ref, caller=caller, callee=callee, started_at=at or ago(hours=1), **facts)
    await house.vault.recordings.calls.start(house.account.id, told)


async def recorded(
    house: House, ref: str, *, caller: str = PERSON, at: datetime | None = None, **facts: Any
) -> str:
    """Let a call of the person be recorded and become available; return the recording's id."""
    await call(house, ref, caller=caller, at=at, **facts)
    recording_id = (await house.announce(f"rec-{ref}", call_ref=ref)).recording_id
    await house.settle(recording_id)
    return recording_id


def asks(
    kind: Kind = "erasure",
    *,
    regime: Regime = "gdpr",
    reference: str = "ticket 1",
    numbers: tuple[tuple[str, str | None], ...] = ((PERSON, None),),
    agents: tuple[str, ...] = (),
    received_at: datetime | None = None,
    period: Period | None = None,
    verified: bool = True,
    wish: str | None = None,
) -> NewRequest:
    """Return a request of the person."""
    received = received_at or ago(days=1)
    identities = [Identity(type="number", value=value, region=region) for value, region in numbers]
    identities += [Identity(type="agent", value=agent) for agent in agents]
    return NewRequest(
        kind=kind,
        regime=regime,
        received_at=received,
        personal=PersonalData(
            reference=reference,
            identities=tuple(identities),
            period=period,
            wish=wish,
            verification=Verification(method="callback", at=received, by=ACTOR) if verified else None,
        ),
    )


async def ask(house: House, new: NewRequest | None = None) -> RequestView:
    """Receive a request."""
    view, _ = await house.vault.requests.requests.receive(house.account.id, new or asks(), actor=ACTOR)
    return view


async def decide(
    house: House,
    request_id: str,
    code: str = "erased",
    *,
    verdicts: Mapping[str, Verdict] | None = None,
    reason: str | None = None,
    statute: str | None = None,
    period: Period | None = None,
    whole_time: bool = False,
    informed: Mapping[str, datetime] | None = None,
) -> RequestView:
    """Decide on a request."""
    wanted = RulingRequest(
        default=Verdict(code=code, statute=statute),
        verdicts=verdicts or {},
        reason=reason,
        period=period,
        whole_time=whole_time,
        informed=informed or {},
    )
    return await house.vault.requests.requests.decide(house.account.id, request_id, wanted, actor=ACTOR)


async def hurry(house: House) -> None:
    """Let the time come for which decided requests wait."""
    query = update(person_requests).values(next_try_at=None)
    await house.database.write(lambda tx: tx.connection.execute(query) and None)


async def carried_out(house: House, request_id: str, *, rounds: int = 20) -> RequestState:
    """Run the worker's steps until the request is closed."""
    jobs = house.vault.jobs
    for _ in range(rounds):
        await hurry(house)
        await jobs.execute_requests()
        await jobs.remove_erased()
        await jobs.provider_requests.delete_copy()
        await jobs.log_publisher.sequence()
        view = await house.vault.requests.requests.read(house.account.id, request_id)
        if view.request.closed_at is not None:
            break
    return view.request.state


async def receipt(house: House, request_id: str) -> bytes:
    """Return the receipt file of a closed request."""
    await house.vault.jobs.log_publisher.sequence()
    return await house.vault.requests.receipts.read(house.account.id, request_id)
