"""A closure of an account whose waiting time is over, and the worker's steps that carry it out."""

from sqlalchemy import update

from tests.services.requests.people import ACTOR, ago, hurry
from tests.support.rotation import step
from tests.support.service_house import House
from vault.database.schema.requests import person_requests
from vault.domain.requests.request import RequestState


async def closing(house: House, *, export: bool = False, wait: bool = False) -> str:
    """Ask for the closure, and let its wait be over; return its id."""
    made, is_new = await house.vault.requests.closures.ask(
        house.account.id, reason="The contract has ended.", export=export, actor=ACTOR
    )
    assert is_new
    if not wait:
        past = update(person_requests).where(person_requests.c.id == made.id).values(due_at=ago(minutes=1))
        await house.database.write(lambda tx: tx.connection.execute(past) and None)
    return made.id


async def work(house: House, *, rounds: int = 14) -> RequestState:
    """Run the worker's steps; return the state of the closure."""
    jobs = house.vault.jobs
    for _ in range(rounds):
        await hurry(house)
        await jobs.apply_policies()
        await jobs.execute_requests()
        await jobs.remove_erased()
        await jobs.provider_requests.delete_copy()
        await jobs.log_publisher.sequence()
        if await jobs.rewrap.any_due():
            await step(house)
    return (await house.vault.requests.closures.read(house.account.id)).state
