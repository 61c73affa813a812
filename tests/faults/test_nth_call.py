"""One call to one part fails, for each call of a whole story: whatever was acknowledged is whole afterwards.

The parts are the object store, the key service, the database, and the resolver and network of the fetcher. A call
fails before it took effect, or after it, so that its answer is lost. Then the fault is gone: who asked asks again,
the worker goes on, and every promise is looked at by another node. What a caller hears is that the vault does not
answer, and never an error of a library.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

from tests.faults.nth_call import BEFORE, LOST, STRUCK, Fault
from tests.faults.nth_promises import check
from tests.faults.nth_site import Ground, postgresql_databases, sqlite_databases
from tests.faults.nth_story import Story
from tests.faults.nth_wire import BOTOCORE, NETWORK
from tests.support.counts import count

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

#: Stories that are told beside each other: most of their time they wait for threads.
_AT_ONCE = 4
_KINDS = pytest.mark.parametrize(
    "ground", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)


@pytest.fixture
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Where sites are made: on SQLite, or on the database that the test asks for."""
    with ExitStack() as stack:
        if getattr(request, "param", "sqlite") == "sqlite":
            made = Ground("sqlite", stack.enter_context(sqlite_databases()))
        else:
            server, migrated = (request.getfixturevalue(name) for name in ("postgresql_server", "migrated"))
            made = Ground("postgresql", postgresql_databases(server, migrated))
        stack.callback(made.close)
        yield made


async def _told(ground: Ground, part: str, fault: Fault, at: int) -> int:
    """Tell the story with one fault, and look at every promise; return how many calls it made."""
    with ground.site(part, fault, at) as site:
        story = Story(site)
        try:
            await story.tell()
            calls = site.nth.calls
            await story.settle()
            await check(story)
            # How many calls there are varies by some, for entries of the log may come into its tree together.
            assert (0 < at <= calls) is (site.nth.met is not None)
        except Exception as error:
            error.add_note(f"call {at} of the {part}: {site.nth.met} ({fault.name})")
            raise
        return calls


async def _sweep(ground: Ground, part: str, faults: Sequence[Fault], *, small: int = 6) -> None:
    """Let each call fail once, with the faults in turn; a few calls far from each other for a small count."""
    calls = await _told(ground, part, BEFORE, 0)
    what = "its answer lost" if all(fault.lost for fault in faults) else "before its effect"
    tried = count(f"calls of the {part} on {ground.kind} failed, {what}", small=min(small, calls), full=calls)
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> None:
        async with limit:
            await _told(ground, part, faults[number % len(faults)], 1 + number * calls // tried)

    results = await asyncio.gather(*(one(number) for number in range(tried)), return_exceptions=True)
    broken = [error for error in results if isinstance(error, Exception)]
    if broken:
        raise ExceptionGroup(f"{len(broken)} of {tried} calls of the {part}", broken)


@_KINDS
async def test_the_database_fails_once_at_any_call(ground: Ground):
    """In the words of its port, or as its driver does in the middle of a transaction: nothing was written."""
    await _sweep(ground, "database", [BEFORE, *STRUCK[ground.kind]])


@_KINDS
async def test_the_answer_of_the_database_is_lost_at_any_call(ground: Ground):
    """What was written stands, and its caller does not know: repeats are safe, and nothing is there twice."""
    await _sweep(ground, "database", [LOST], small=14)


@pytest.mark.parametrize("fault", [BEFORE, LOST], ids=lambda fault: fault.name)
async def test_the_object_store_fails_once_at_any_call(ground: Ground, fault: Fault):
    """Whatever call it is, nothing is missing and nothing is left over."""
    await _sweep(ground, "object store", [fault])


@pytest.mark.parametrize("lost", [False, True], ids=["before", "lost"])
async def test_s3_fails_once_at_any_call(ground: Ground, moto_url: str, lost: bool):
    """A timeout, a 503 or a reset at a call of S3's client, of which the adapter tries none again."""
    ground.services = moto_url
    await _sweep(ground, "S3 client", [fault for fault in BOTOCORE if fault.lost is lost], small=3)


@pytest.mark.parametrize("lost", [False, True], ids=["before", "lost"])
async def test_the_key_service_fails_once_at_any_call(ground: Ground, moto_url: str, lost: bool):
    """A timeout, a 503 or a reset at a call of KMS, while no key is kept in memory."""
    ground.services = moto_url
    await _sweep(ground, "key service", [fault for fault in BOTOCORE if fault.lost is lost], small=3)


@pytest.mark.parametrize("fault", NETWORK, ids=lambda fault: fault.name)
async def test_the_network_of_the_fetcher_fails_once_at_any_call(ground: Ground, fault: Fault):
    """The resolver, the connection, the handshake, the request, and every piece of the answer."""
    await _sweep(ground, "network", [fault])
