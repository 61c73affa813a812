"""The only file that names concrete classes: it puts the rooms together into one Vault."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from vault.audio.describer import SubprocessDescriber
from vault.database.migrate import check_postgresql, migrate_postgresql
from vault.database.postgresql import PostgresqlDatabase
from vault.database.sqlite import SqliteDatabase
from vault.database.wrapped_keys import WrappedKeyRows
from vault.keyservice.key_ring import AccountKeyRing
from vault.keyservice.location import open_root_key
from vault.objects.location import open_store
from vault.objects.owner import claim
from vault.ports.audio import Describer
from vault.ports.database import Database
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.ports.telephony import Fetcher
from vault.settings import Settings
from vault.telephony.fetcher import MediaFetcher
from vault.telephony.platform import Platform
from vault.threads import Threads
from vault.workflows.accounts import FindAccount, OpenAccount
from vault.workflows.admit import Admit
from vault.workflows.answer_once import AnswerOnce
from vault.workflows.api_keys import Authenticate, IssueKey, ListKeys, RevokeKey
from vault.workflows.attempt import Attempt
from vault.workflows.browse import Browse
from vault.workflows.connect import SetConnection
from vault.workflows.describe import Describe
from vault.workflows.erase import Erase, RemoveErased
from vault.workflows.hear import ReadWaveform
from vault.workflows.ingest import Ingest
from vault.workflows.manifests import WriteManifests
from vault.workflows.opened_connections import OpenedConnections
from vault.workflows.play import FindSession, LookAtLink, OpenLink, PlayMedia
from vault.workflows.prove import ExportKey, ListEvents
from vault.workflows.receive import Receive
from vault.workflows.share import CreateLink, ListLinks, RevokeLink
from vault.workflows.start import ProveRootKey, is_new
from vault.workflows.stream import FindSound, Stream
from vault.workflows.sweep import Sweep
from vault.workflows.switch import ReadSwitch, SetSwitch
from vault.workflows.upload import Upload
from vault.workflows.vault import Vault

#: Every telephony platform that there is an adapter for.
PROVIDERS = (Platform(),)
_DESCRIBERS = 2
#: Threads that seal: the cipher is fast enough for one core to outrun every disk.
_SEALERS = 4
_OBJECT_THREADS = 32
_KEY_THREADS = 4


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def migrate(settings: Settings) -> None:
    """Bring the database to this release's schema."""
    if settings.sqlite_path is None:
        migrate_postgresql(settings.database_url)
    else:
        SqliteDatabase(settings.sqlite_path).close()


@asynccontextmanager
async def assemble(settings: Settings) -> AsyncIterator[Vault]:
    """Put a vault together, check its root key and its prefix, and take it apart at the end.

    Raises StartRefused before anything is sealed; Unavailable when a part does not answer.
    """
    async with AsyncExitStack() as stack:
        database = _database(settings)
        stack.callback(database.close)
        key_threads, object_threads = Threads("keys", _KEY_THREADS), Threads("objects", _OBJECT_THREADS)
        sealing_threads = Threads("sealing", _SEALERS)
        for threads in (key_threads, object_threads, sealing_threads):
            stack.callback(threads.close)
        objects = open_store(settings.objects_url, object_threads)
        root_key = open_root_key(settings.root_key_url, key_threads, create=await is_new(database))
        vault_id = await ProveRootKey(database=database, root_key=root_key)()
        await claim(objects, vault_id)
        ring = AccountKeyRing(root_key, WrappedKeyRows(database))
        describer = await stack.enter_async_context(SubprocessDescriber(size=_DESCRIBERS))
        fetcher = MediaFetcher(allow=settings.media_allow)
        rooms = _Rooms(
            database=database,
            ring=ring,
            objects=objects,
            describer=describer,
            fetcher=fetcher,
            threads=sealing_threads,
        )
        vault = _vault(rooms, settings)
        # What lives as long as the process need not be looked at by every collection.
        gc.collect()
        gc.freeze()
        yield vault


def _database(settings: Settings) -> SqliteDatabase | PostgresqlDatabase:
    if settings.sqlite_path is not None:
        return SqliteDatabase(settings.sqlite_path)
    check_postgresql(settings.database_url)
    return PostgresqlDatabase(settings.database_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rooms:
    """What the six rooms give to the verbs."""

    database: Database
    ring: KeyRing
    objects: ObjectStore
    describer: Describer
    fetcher: Fetcher
    threads: Threads


def _vault(rooms: _Rooms, settings: Settings) -> Vault:
    database, ring, objects, threads = rooms.database, rooms.ring, rooms.objects, rooms.threads
    providers = {provider.name: provider for provider in PROVIDERS}
    opened = OpenedConnections(database=database, ring=ring)
    attempt = Attempt(database=database, ring=ring, objects=objects, threads=threads)
    open_link = OpenLink(database=database, ring=ring, clock=utc_now)
    return Vault(
        find_account=FindAccount(database=database),
        open_account=OpenAccount(database=database, ring=ring, clock=utc_now),
        set_connection=SetConnection(
            database=database,
            ring=ring,
            clock=utc_now,
            providers=providers,
            opened=opened,
            public_url=settings.public_url,
        ),
        set_switch=SetSwitch(database=database),
        read_switch=ReadSwitch(database=database),
        authenticate=Authenticate(database=database),
        issue_key=IssueKey(database=database, clock=utc_now),
        list_keys=ListKeys(database=database),
        revoke_key=RevokeKey(database=database, clock=utc_now),
        answer_once=AnswerOnce(database=database, clock=utc_now),
        admit=Admit(database=database, ring=ring, clock=utc_now),
        receive=Receive(database=database, ring=ring, providers=providers, connections=opened),
        upload=Upload(database=database, ring=ring, clock=utc_now, attempt=attempt),
        ingest=Ingest(
            database=database,
            ring=ring,
            fetcher=rooms.fetcher,
            providers=providers,
            connections=opened,
            attempt=attempt,
        ),
        describe=Describe(
            database=database, ring=ring, objects=objects, describer=rooms.describer, threads=threads
        ),
        write_manifests=WriteManifests(database=database, objects=objects),
        browse=Browse(database=database, ring=ring),
        create_link=CreateLink(database=database, ring=ring, clock=utc_now),
        list_links=ListLinks(database=database, ring=ring),
        revoke_link=RevokeLink(database=database, clock=utc_now),
        look_at_link=LookAtLink(database=database, clock=utc_now),
        open_link=open_link,
        play_media=PlayMedia(database=database, clock=utc_now, open_link=open_link),
        find_session=FindSession(database=database, clock=utc_now),
        find_sound=FindSound(database=database, ring=ring, objects=objects, clock=utc_now),
        stream=Stream(database=database, clock=utc_now),
        read_waveform=ReadWaveform(database=database, ring=ring, clock=utc_now),
        list_events=ListEvents(database=database, ring=ring),
        export_key=ExportKey(database=database, ring=ring, clock=utc_now),
        erase=Erase(database=database, clock=utc_now),
        remove_erased=RemoveErased(database=database, objects=objects),
        sweep=Sweep(database=database, objects=objects, clock=utc_now),
        database=database,
    )
