"""Every verb on a real SQLite database, with fakes for object store, media, describer and root key."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from tests.fakes.crm import NOTEBOOKS
from tests.fakes.describer import FakeDescriber
from tests.fakes.fetcher import FakeFetcher, Media
from tests.fakes.objects import FakeObjects
from tests.fakes.outside import FakeOutside
from tests.fakes.own_keys import FakeOwnKeys
from tests.fakes.prompt_maker import FakePromptMaker
from tests.fakes.provider import FakeProvider
from tests.fakes.rest import FakeRest
from tests.fakes.root_key import FakeRootKey
from tests.support.tenant import moment, tone
from tests.support.unlimited import UNLIMITED
from vault.composition.adapters import Adapters
from vault.composition.services import build_vault
from vault.crm.registry import SYSTEMS
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.core import recordings
from vault.database.wrapped_keys import WrappedKeyRows
from vault.domain.accounts.account import Account
from vault.domain.calls.provider_api import Delivery
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.recordings.recording import Recording, State
from vault.keyservice.key_ring import AccountKeyRing
from vault.services.accounts.connections import ConnectionRequest
from vault.services.audit_log.access_log import EventFilter
from vault.services.ingest.receive_webhook import Receipt
from vault.services.service import Vault
from vault.settings import read_settings
from vault.telephony.providers.standard_webhooks.adapter import Platform
from vault.telephony.signatures.standard_webhooks import sign
from vault.thread_pools import Threads
from vault.tlog.note import Signer

AUDIO = tone(0.2)
URL = "https://media.example/call.wav"
WITHOUT_EVIDENCE = ConsentPolicy(missing_evidence="accept", reason="consent is not the subject of this test")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SIGNER = Signer(name="vault.example/access-log", secret=bytes(range(32)))


@dataclass(repr=False)  # asyncio.Runner asks for one of whatever ran, and it would take tens of milliseconds.
class House:
    """The verbs, and what is around them."""

    vault: Vault
    database: SqliteDatabase | PostgresqlDatabase
    objects: FakeObjects
    fetcher: FakeFetcher
    rest: FakeRest
    outside: FakeOutside
    describer: FakeDescriber
    root_key: FakeRootKey
    account: Account
    connection_id: str
    secret: str

    async def announce(
        self, ref: str = "rec-1", *, body: bytes = AUDIO, url: str = URL, **data: Any
    ) -> Receipt:
        """Serve media and announce it by a signed webhook."""
        self.fetcher.serve(url, Media(body=body))
        now = datetime.now(UTC)
        said = {"call_ref": "call-1", "recording_ref": ref, "recording_url": url} | data
        text = json.dumps({"type": "recording.completed", "timestamp": moment(now), "data": said}).encode()
        signed = sign(self.secret, delivery_id=secrets.token_hex(8), sent_at=now, body=text)
        delivery = Delivery(
            method="POST", url="https://vault.example/", headers=signed, body=text, received_at=now
        )
        return await self.vault.ingest.webhooks.receive("platform", self.connection_id, delivery)

    async def fetching(self) -> "asyncio.Task[bool]":
        """Begin an ingest of media that hangs, and return when the worker waits for its first byte."""
        self.fetcher.serve(URL, Media(body=AUDIO, hang=asyncio.Event()))
        task = asyncio.create_task(self.vault.jobs.ingest())
        async with asyncio.timeout(10):
            while not self.fetcher.open:
                await asyncio.sleep(0.01)
        return task

    def go_on(self) -> None:
        """Let what hangs go on."""
        hang = self.fetcher.media[URL].hang
        assert hang is not None
        hang.set()

    async def row(self, recording_id: str) -> Recording:
        """Return the recording's row."""
        found = await self.database.read(lambda tx: tx.recordings.by_id(recording_id))
        assert found is not None
        return found

    async def state(self, recording_id: str) -> State:
        """Return the recording's state."""
        return (await self.row(recording_id)).state

    async def keys_gone(self, recording_id: str) -> bool:
        """Say whether nothing is left that opens the recording, and its URL is gone too."""
        keys = await self.database.read(lambda tx: tx.recordings.keys(recording_id))
        announcement = await self.database.read(lambda tx: tx.recordings.announcement(recording_id))
        return keys is None and announcement is None

    async def set(self, recording_id: str, **values: Any) -> None:
        """Change a row behind everybody's back: time passes, a lease runs out."""
        query = update(recordings).where(recordings.c.id == recording_id).values(**values)
        await self.database.write(lambda tx: tx.connection.execute(query) and None)

    async def hurry(self, recording_id: str) -> None:
        """Let the time come for which the row waits, and any lease run out."""
        await self.set(recording_id, not_before=LONG_AGO, lease_until=LONG_AGO)

    async def settle(self, recording_id: str, *, rounds: int = 60) -> State:
        """Run the worker's steps until the row is where it stays."""
        final = {State.AVAILABLE, State.FAILED, State.REFUSED, State.ERASED}
        for _ in range(rounds):
            if (state := await self.state(recording_id)) in final:
                return state
            await self.hurry(recording_id)
            for step in (self.vault.jobs.ingest, self.vault.jobs.describe, self.vault.jobs.remove_erased):
                await step()
        return await self.state(recording_id)

    async def events(self, recording_id: str | None = None) -> list[str]:
        """Return the kinds of the account's events."""
        wanted = EventFilter(recording_id=recording_id)
        page = await self.vault.audit_log.access_log.list_events(self.account.id, wanted, start=0, limit=1000)
        return [logged.event.type for logged, _ in page.items]

    async def sweep(self, *, scan: bool = True) -> int:
        """Sweep as if the grace period were over; without ``scan`` only what was noted."""
        for kept in [*self.objects.objects.values(), *(kept for _, kept in self.objects.uploads.values())]:
            kept.at -= timedelta(days=2)
        job = self.vault.jobs.sweep
        return await job(everything=True) if scan else await replace(job, scan_objects=0)()

    async def heard(self, recording_id: str) -> bytes:
        """Download the recording."""
        sound = await self.vault.playback.audio.for_download(self.account.id, recording_id, actor="key_test")
        return b"".join(
            [block async for block in await self.vault.playback.audio.stream(sound, 0, sound.size)]
        )

    def with_jobs(self, **jobs: Any) -> None:
        """Put other jobs in the place of the worker's."""
        self.vault = replace(self.vault, jobs=replace(self.vault.jobs, **jobs))

    def step_by_step(self) -> None:
        """Let every recording rest as stored between its fetch and its description."""
        self.with_jobs(ingest=replace(self.vault.jobs.ingest, store_from=0))

    def lasting_objects(self) -> list[str]:
        """Return the keys of all objects but those of closing acts."""
        return sorted(key for key in self.objects.objects if not key.startswith(("closing/", "closed/")))

    def audio_objects(self) -> list[str]:
        """Return the keys of all objects that hold audio."""
        return sorted(key for key in self.objects.objects if key.startswith("recordings/"))


def with_clock(verb: Any, clock: Any) -> Any:
    """Return a verb that anchors or publishes, by another clock."""
    kernels = {
        name: replace(getattr(verb, name), clock=clock)
        for name in ("anchor", "publication")
        if hasattr(verb, name)
    }
    return replace(verb, clock=clock, **kernels)


async def blocks_of(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """Yield a body in blocks."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def _verbs(
    folder: Path, threads: Threads, database: SqliteDatabase | PostgresqlDatabase, **around: Any
) -> Vault:
    """Put the verbs together over what is around them."""
    address = {"VAULT_PUBLIC_URL": around.pop("public_url", "http://127.0.0.1:8000")}
    settings = read_settings({"VAULT_DATA_DIR": str(folder)} | address | UNLIMITED)
    ring = AccountKeyRing(around["root_key"], WrappedKeyRows(database), own_keys=FakeOwnKeys())
    adapters = Adapters(
        database=database,
        ring=ring,
        threads=threads,
        providers={"platform": Platform(), "fake": FakeProvider(name="fake")},
        crm_systems={**NOTEBOOKS, **{one.name: one for one in SYSTEMS}},
        prompt_maker=FakePromptMaker(),
        **({"signer": SIGNER} | around),
    )
    return build_vault(settings, adapters)


async def _opened(vault: Vault, ref: str) -> tuple[Account, str, str]:
    """Open an account that is connected; return it, with the id and the secret of its connection."""
    account, _ = await vault.accounts.accounts.open(ref, name=None, locale=None, actor="key_test")
    await vault.consent.policy.set(account.id, WITHOUT_EVIDENCE, if_version=None, actor="key_test")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    wish = ConnectionRequest(provider="platform", credentials={"secret": secret})
    connection, _, _ = await vault.accounts.connections.set(account.id, "main", wish, actor="key_test")
    return account, connection.id, secret


async def with_account(house: House, ref: str) -> House:
    """Return the house with another account, which is opened and connected."""
    account, connection_id, secret = await _opened(house.vault, ref)
    return replace(house, account=account, connection_id=connection_id, secret=secret)


@asynccontextmanager
async def new_house(
    folder: Path,
    threads: Threads,
    database: SqliteDatabase | PostgresqlDatabase | None = None,
    *,
    objects: Any = None,
    **of_its_own: Any,
) -> AsyncIterator[House]:
    """Open a vault in ``folder`` with one connected account; of several, each has a ``signer`` and a ``public_url``."""
    database = database or SqliteDatabase(folder / "vault.db")
    around = {
        "objects": objects or FakeObjects(),
        "fetcher": FakeFetcher(),
        "rest": FakeRest(),
        "outside": FakeOutside(),
        "describer": FakeDescriber(),
        "root_key": FakeRootKey(),
    }
    try:
        vault = _verbs(folder, threads, database, **around, **of_its_own)
        account, connection_id, secret = await _opened(vault, "acme")
        yield House(
            vault=vault,
            database=database,
            account=account,
            connection_id=connection_id,
            secret=secret,
            **around,
        )
    finally:
        database.close()


def _around(house: House) -> dict[str, Any]:
    names = ("objects", "fetcher", "rest", "outside", "describer", "root_key")
    return {name: getattr(house, name) for name in names}


def reopened(house: House, folder: Path, threads: Threads) -> House:
    """Return the house after its process died: the same file and the same world around it, nothing else kept."""
    house.database.close()
    database = SqliteDatabase(folder / "vault.db")
    around = _around(house)
    return replace(house, database=database, vault=_verbs(folder, threads, database, **around))


def another_node(house: House, folder: Path, threads: Threads, **parts: Any) -> House:
    """Return another node of the same vault: the same database and world, with some parts of its own."""
    around = _around(house)
    return replace(house, vault=_verbs(folder, threads, house.database, **(around | parts)))


def node_on(house: House, database: PostgresqlDatabase, folder: Path, threads: Threads) -> House:
    """Return another node of the same vault, with its own connections to the same database."""
    around = _around(house)
    return replace(house, database=database, vault=_verbs(folder, threads, database, **around))


def vault_on(
    folder: Path,
    threads: Threads,
    database: SqliteDatabase | PostgresqlDatabase,
    *,
    objects: Any,
    root_key: FakeRootKey,
) -> Vault:
    """Return the verbs over what another process had around it."""
    around = {
        "fetcher": FakeFetcher(),
        "rest": FakeRest(),
        "outside": FakeOutside(),
        "describer": FakeDescriber(),
    }
    return _verbs(folder, threads, database, objects=objects, root_key=root_key, **around)
