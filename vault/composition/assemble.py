"""Opens the adapters that the settings name, in order, and builds the Vault from them.

Packages that only some settings need are imported lazily: boto3 and psycopg take half of the startup time.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from vault import tracing
from vault.audio.describer import SubprocessDescriber
from vault.audio.prompt import SubprocessPromptMaker
from vault.circuit_breaker import CircuitBreaker
from vault.composition.adapters import Adapters, NoMailer, utc_now
from vault.composition.other_vault import opener
from vault.composition.places import places_in_region
from vault.composition.services import build_vault
from vault.database.engines.read_only import ReadOnlyDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.interface import Database
from vault.database.wrapped_keys import WrappedKeyRows
from vault.domain.progress import MARK
from vault.domain.start_mode import StartMode
from vault.errors import StartRefused
from vault.hardening import harden_process
from vault.keyservice.key_ring import SLACK, AccountKeyRing
from vault.keyservice.location import open_own_keys, open_root_key
from vault.keyservice.root_keys import Breaker, TwoRootKeys
from vault.objects.location import breaker_of, open_store, place_of
from vault.objects.owner import claim, refuse_owned, require_owner
from vault.objects.read_only import ReadOnlyStore
from vault.ports.keys import RootKey
from vault.ports.mail import Mailer
from vault.ports.objects import ObjectStore
from vault.services.node.kept_labels import KeepLabels, Labels
from vault.services.node.readiness_probe import Part
from vault.services.node.startup_checks import OpenLogKey, ProveRootKey, is_new, may_make_root_key
from vault.services.node.vault_identity import compare_with_store, take_vault_over
from vault.services.retention.check_object_lock import check_object_lock
from vault.services.service import Vault
from vault.settings import Settings
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.collector import collector_of
from vault.telephony.http.download import MediaFetcher
from vault.telephony.http.outside import GuardedOutside
from vault.telephony.http.rest import ProviderRest
from vault.telephony.registry import PROVIDERS
from vault.thread_pools import Threads
from vault.tlog.note import Signer

if TYPE_CHECKING:
    from vault.database.engines.migration_plan import MigrationPlan

T = TypeVar("T")
#: Threads for encryption. On one core, the cipher is already faster than any disk.
_SEALERS = 4
_THREADS = {"keys": 4, "own_keys": 16, "objects": 32, "sealing": _SEALERS, "prompts": 1}


def migrate(settings: Settings) -> None:
    """Migrate the database to this release's schema."""
    if settings.sqlite_path is None:
        from vault.database.engines.migrate import migrate_postgresql

        migrate_postgresql(settings.database_url)
    else:
        SqliteDatabase(settings.sqlite_path).close()


def migration_plan(settings: Settings) -> "MigrationPlan":
    """Return what ``migrate`` would do, and change nothing. Raises StartRefused, Unavailable."""
    from vault.database.engines.migration_plan import plan_postgresql, plan_sqlite

    if settings.sqlite_path is None:
        return plan_postgresql(settings.database_url)
    return plan_sqlite(settings.sqlite_path)


@asynccontextmanager
async def assemble(
    settings: Settings, *, mode: StartMode = StartMode.SERVE, describing: bool = True
) -> AsyncIterator[Vault]:
    """Build a vault, check its root key and its object store prefix, and close it on exit.

    What may be changed says ``mode``; without ``describing``, describers start late. Raises StartRefused, Unavailable.
    """
    harden_process()
    async with AsyncExitStack() as stack:
        _trace(settings, stack)
        database = _database(settings, stack, mode)
        threads = _threads(stack)
        objects, breakers = await _store(settings, database, threads["objects"], mode)
        places = places_in_region(settings, await place_of(objects))
        await _begin(database, objects, mode)
        current, previous = await _root_keys(settings, database, threads["keys"], stack, mode)
        proof = ProveRootKey(database=database, root_key=current, previous=previous, read_only=mode.reads)
        vault_id = await proof()
        await KeepLabels(database=database, read_only=mode.reads)(_labels(settings))
        root_key = current if previous is None else TwoRootKeys(current, previous)
        adapters = Adapters(
            database=database,
            objects=objects,
            ring=_ring(settings, database, root_key, threads["own_keys"], stack),
            root_key=root_key,
            current_root_key=current,
            previous_root_key=previous,
            signer=await _signer(settings, database, objects, root_key, vault_id, mode=mode),
            threads=threads["sealing"],
            describer=await _describer(settings, stack, started=describing),
            prompt_maker=SubprocessPromptMaker(threads["prompts"]),
            **_outward(settings),
            providers={provider.name: provider for provider in PROVIDERS},
            breakers=breakers,
            places=places,
        )
        vault = build_vault(settings, adapters)
        stack.push_async_callback(vault.jobs.log_publisher.anchor.close)  # Before the threads of objects.
        _freeze()
        yield vault


def _labels(settings: Settings) -> Labels:
    region = None if settings.region is None else settings.region.name
    return {
        "VAULT_CELL": settings.cell,
        "VAULT_REGION": region,
        "VAULT_DATABASE_REGION": settings.database_region,
    }


def _trace(settings: Settings, stack: AsyncExitStack) -> None:
    if settings.tracing_url is not None:
        stack.callback(tracing.set_up(settings.tracing_url))


def _freeze() -> None:
    """Exclude all current objects from garbage collection: they live as long as the process."""
    gc.collect()
    gc.freeze()


async def _begin(database: Database, objects: ObjectStore, mode: StartMode) -> None:
    """Check the owner of the object store prefix before a new database gets an id, which never changes.

    Raises StartRefused.
    """
    if not await is_new(database):
        return
    if mode is StartMode.RESTORE:
        await take_vault_over(database, objects)
        return
    try:
        await refuse_owned(objects)
    except StartRefused:
        # Another node may have just initialized this vault on the same database.
        if await is_new(database):
            raise
    else:
        # A restore that found no vault here has left its mark.
        await database.write(lambda tx: tx.metadata.replace({}, drop=[MARK]))


async def _signer(
    settings: Settings,
    database: Database,
    objects: ObjectStore,
    root_key: RootKey,
    vault_id: str,
    *,
    mode: StartMode,
) -> Signer:
    """Claim the prefix, open the log key, and check that log and object locks are right. Raises StartRefused."""
    await (require_owner if mode.reads else claim)(objects, vault_id)
    opened = OpenLogKey(database=database, root_key=root_key, public_url=settings.public_url)
    signer = await opened(vault_id)
    if not mode.reads:
        await compare_with_store(database, objects, signer)
    await check_object_lock(database, objects)
    return signer


async def _store(
    settings: Settings, database: Database, threads: Threads, mode: StartMode
) -> tuple[ObjectStore, dict[Part, CircuitBreaker]]:
    """Open the object store; its breaker comes with it. Raises StartRefused."""
    if mode.needs_vault and await is_new(database):
        raise StartRefused(
            "There is no vault in this database, so nothing was changed. Correct VAULT_DATABASE_URL or VAULT_DATA_DIR; "
            "`callvault serve` makes a new vault."
        )
    store = await open_store(
        settings.objects_url, threads, plain_http=settings.plain_http_allow, create=not mode.needs_vault
    )
    breaker = breaker_of(store)
    breakers: dict[Part, CircuitBreaker] = {} if breaker is None else {"objects": breaker}
    return (ReadOnlyStore(store) if mode.reads else store), breakers


async def _root_keys(
    settings: Settings, database: Database, threads: Threads, stack: AsyncExitStack, mode: StartMode
) -> tuple[Breaker, Breaker | None]:
    """Open the root key, and the previous root key if one is set. Raises StartRefused."""
    previous, plain_http = None, settings.plain_http_allow
    if settings.previous_root_key_url is not None:
        previous = open_root_key(settings.previous_root_key_url, threads, plain_http=plain_http)
        stack.push_async_callback(previous.close)
    may_make = not mode.reads and await may_make_root_key(database, previous)
    current = open_root_key(settings.root_key_url, threads, create=may_make, plain_http=plain_http)
    stack.push_async_callback(current.close)
    return current, previous


def _outward(settings: Settings) -> dict[str, Any]:
    """Return the adapters that reach others. Raises StartRefused."""
    http = GuardedHttp(allow=settings.media_allow)
    return {
        "fetcher": MediaFetcher(http),
        "rest": ProviderRest(http),
        "outside": GuardedOutside(http),
        "collector": collector_of(settings.siem_url, settings.public_url),
        "mailer": _mailer(settings),
        "open_other": opener(assemble),
    }


def _mailer(settings: Settings) -> Mailer:
    """Return the mail server. Raises StartRefused."""
    if settings.smtp_url is None:
        return NoMailer()
    from vault.telephony.http.smtp import mailer_of

    return mailer_of(settings.smtp_url, settings.public_url, utc_now)


def _threads(stack: AsyncExitStack) -> dict[str, Threads]:
    pools = {name: Threads(name, size) for name, size in _THREADS.items()}
    for pool in pools.values():
        stack.callback(pool.close)
    return pools


async def _describer(settings: Settings, stack: AsyncExitStack, *, started: bool) -> SubprocessDescriber:
    describer = tracing.traced(SubprocessDescriber)(size=settings.describers)
    stack.push_async_callback(describer.close)
    if started:
        await describer.start()
    return describer


def _ring(
    settings: Settings, database: Database, root_key: RootKey, threads: Threads, stack: AsyncExitStack
) -> AccountKeyRing:
    own_keys = open_own_keys(settings.own_keys_url, threads, plain_http=settings.plain_http_allow)
    stack.push_async_callback(own_keys.close)
    ring = AccountKeyRing(
        root_key, WrappedKeyRows(database), own_keys=own_keys,
        ttl=settings.key_cache_seconds + SLACK, maximum=settings.key_cache_size,
    )  # fmt: skip
    stack.push_async_callback(_stop, asyncio.create_task(ring.keep_fresh()))
    return ring


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _database(settings: Settings, stack: AsyncExitStack, mode: StartMode) -> Database:
    """Open the database, which is closed with the vault. Only a restore skips the connection checks."""
    if settings.sqlite_path is not None:
        sqlite = _kind(SqliteDatabase, "sqlite", mode)(settings.sqlite_path, mode=mode)
        return _closed_with(stack, sqlite, sqlite.close)
    from vault.database.engines.migrate import check_postgresql, create_postgresql
    from vault.database.engines.postgresql import PostgresqlDatabase

    restoring = mode is StartMode.RESTORE
    (create_postgresql if restoring else check_postgresql)(settings.database_url)
    postgresql = _kind(PostgresqlDatabase, "postgresql", mode)(
        settings.database_url, pool=settings.database_pool
    )
    return _closed_with(stack, postgresql.unguarded if restoring else postgresql, postgresql.close)


def _kind(kind: type[T], system: str, mode: StartMode) -> type[T]:
    """Return the database class for a mode, with spans while tracing is on."""
    if mode.reads:
        kind = cast("type[T]", type(f"ReadOnly{kind.__name__}", (ReadOnlyDatabase, kind), {}))
    return tracing.traced_database(kind, system)


def _closed_with(stack: AsyncExitStack, database: Database, close: Callable[[], None]) -> Database:
    stack.callback(close)
    stack.push_async_callback(database.signals.flush)
    return database
