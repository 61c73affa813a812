"""Every transaction that leaves work signals it: a story on either database, checked after each of its steps."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.outbox import add_older_delivery
from tests.support.rotation import decide_request
from tests.support.service_house import AUDIO, House, blocks_of
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.signals import Signal, Work
from vault.database.stores.consent.consent import Pause
from vault.database.transaction import Transaction
from vault.domain.recordings.pause import RecordingPause
from vault.domain.recordings.recording import Lease, State
from vault.services.accounts.connections import ConnectionRequest
from vault.services.playback.link_request import LinkRequest
from vault.services.shared.row_lease import claim

_ME = {"actor": "key_test"}
_WORK = {str(work) for work in Work}
Step = tuple[str, Callable[[], Awaitable[object]]]


class Ear:
    """A receiver that only remembers."""

    def __init__(self) -> None:
        """Start without signals."""
        self.heard: set[str] = set()

    def receive(self, signals: Iterable[Signal]) -> Sequence[Signal]:
        """Remember the kinds; other processes get none."""
        self.heard |= {str(signal.work) for signal in signals}
        return ()

    def connected(self, *, remote: bool) -> None:
        """Ignore it."""


async def test_every_write_that_leaves_work_signals_it(either: House):
    """What is due after a step and was not before has been signalled by it, and the story leaves work of every kind."""
    ear, left = Ear(), set[str]()
    async with either.database.signals.delivered_to(ear):
        for name, step in story(either):
            before = await due(either)
            ear.heard.clear()
            await step()
            new = await due(either) - before
            assert new <= ear.heard, f"{name} leaves work of which nobody hears"
            left |= new
    only_postgresql = set() if isinstance(either.database, PostgresqlDatabase) else {"sequence"}
    assert left == _WORK - only_postgresql


async def due(house: House) -> set[str]:
    """Return the kinds of work that are due now; what the log's intervals put off counts as due."""
    seconds = await house.database.read(lambda tx: tx.due_work.seconds([]))
    return {work for work, left in seconds.items() if left <= 0 or work in {"sign", "publish"}} & _WORK


def story(house: House) -> Iterator[Step]:
    """Yield the steps; each leaves work or does some."""
    vault, jobs, account = house.vault, house.vault.jobs, house.account.id
    log = replace(jobs.log_publisher, sign_interval=timedelta(0), publish_interval=timedelta(0))
    later = replace(jobs.keep_journal, clock=lambda: datetime.now(UTC) + timedelta(minutes=1))
    wish = ConnectionRequest(
        provider="fake", credentials={"secret": house.secret}, delete_at_source=True, delete_refused=True
    )
    made: dict[str, Any] = {}

    def published() -> Iterator[Step]:
        yield "sequence", log.sequence
        yield "sign", log.sign
        yield "publish", log.publish

    def keep(name: str, step: Callable[[], Awaitable[Any]]) -> Step:
        async def call() -> None:
            made[name] = await step()

        return name, call

    def of(name: str) -> str:
        return str(made[name].recording_id)

    yield "reconcile", jobs.reconcile
    yield "write accounts", jobs.write_account_objects
    yield from published()
    yield "connect", lambda: vault.accounts.connections.set(account, "fake", wish, **_ME)
    yield keep("webhook", house.announce)
    yield keep("claim", lambda: claim(house.database, State.RECEIVED))
    yield "stop", lambda: put_back(house, made["claim"])
    yield "ingest", jobs.ingest
    yield "describe", jobs.describe
    yield "manifests", jobs.write_manifests
    yield "evidence", lambda: rewrite_manifest(house, of("webhook"))
    yield "manifests again", jobs.write_manifests
    yield "the provider's copy", lambda: give_copy(house, of("webhook"))
    yield from published()
    link = LinkRequest(listener="Ada", kind="player", life=timedelta(minutes=15), sessions=1)
    yield keep("link", lambda: vault.playback.links.create(account, of("webhook"), link, **_ME))
    yield "hear", lambda: house.heard(of("webhook"))
    yield keep("second", lambda: house.announce("rec-2", call_ref="call-2"))
    yield "switch off", lambda: vault.accounts.switch.set(account, enabled=False, reason=None, **_ME)
    yield "refused at once", lambda: house.announce("rec-3", call_ref="call-3")
    yield "tombstones", jobs.write_tombstones
    yield "switch on", lambda: vault.accounts.switch.set(account, enabled=True, reason=None, **_ME)
    yield keep(
        "upload", lambda: vault.ingest.uploads.store(account, "call-4", "sent", blocks_of(AUDIO), **_ME)
    )
    yield "describe the upload", jobs.describe
    yield "rotate", lambda: vault.key_rotation.rotations.begin(account, **_ME)
    yield "rewrap", replace(jobs.rewrap, grace=timedelta(0))
    yield "write accounts again", jobs.write_account_objects
    yield "manifests under the new key", jobs.write_manifests
    yield "settle the rotation", replace(jobs.rewrap, grace=timedelta(0))
    yield "set a callback", lambda: vault.requests.callbacks.set(account, "https://crm.example/hook", **_ME)
    yield "decide a request", lambda: decide_request(house)
    yield "a delivery of an older release", lambda: leave_delivery(house)
    yield "carry it out", jobs.execute_requests
    yield "erase", lambda: vault.recordings.recordings.erase(account, of("webhook"), **_ME)
    yield "remove", jobs.remove_erased
    yield "tombstones again", jobs.write_tombstones
    yield "journal", later
    yield from published()
    yield "settle acts", later
    yield "pause", lambda: pause(house)
    yield "recording pause", lambda: pause_while_it_goes_on(house)
    yield "rewrite", lambda: jobs.rewrite_store.begin(actor="operator")
    yield "mark recordings", jobs.rewrite_store
    yield "search earlier recordings", lambda: search_earlier(house)


async def search_earlier(house: House) -> None:
    """Set a policy on card data, and let it reach the recordings that were there before."""
    recordings = house.vault.recordings.recordings
    await recordings.card_data.set_policy(house.account.id, "propose", **_ME)
    await recordings.back_fills.begin(house.account.id, expected="propose", **_ME)


async def put_back(house: House, lease: Lease) -> None:
    """Give a row back, as a worker does that stops."""
    await house.database.write(lambda tx: tx.queue.put_back(lease, not_before=tx.now(), counts=False))


async def rewrite_manifest(house: House, recording_id: str) -> None:
    """Mark a manifest, as evidence that is added does."""
    await house.database.write(lambda tx: tx.queue.rewrite_manifest(recording_id))


async def give_copy(house: House, recording_id: str) -> None:
    """Let the provider's copy be due for deletion, as an attempt that failed does."""

    def due_again(tx: Transaction) -> None:
        tx.provider_copies.name(recording_id, "copy", "always")
        tx.provider_copies.try_again(recording_id, tx.now())

    await house.database.write(due_again)


async def leave_delivery(house: House) -> None:
    """Leave a delivery where a node of the release before does."""

    def leave(tx: Transaction) -> None:
        add_older_delivery(tx, house.account.id, "evt_older")
        tx.wake(Work.SEND_CALLBACKS)

    await house.database.write(leave)


async def pause_while_it_goes_on(house: House) -> None:
    """Pause the recording of a call, so that the worker must look at it."""
    at = datetime(2026, 1, 5, tzinfo=UTC)
    begun = RecordingPause(
        id="pse_1", account_id=house.account.id, call_ref="c", connection_id=None, reason="card", asked_at=at,
        asked_by="key_test", expires_at=at,
    )  # fmt: skip
    await house.database.write(lambda tx: tx.recording_pauses.add(begun, again_in=timedelta()))


async def pause(house: House) -> None:
    """Want a recording to be paused, as a call event does."""
    wanted = Pause(account_id=house.account.id, connection_id=house.connection_id, call_ref="c", attempts=0)
    await house.database.write(lambda tx: tx.pauses.want(wanted))
