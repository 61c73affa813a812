"""The only file that names concrete classes: it puts the rooms together into one Vault.

What a laptop has no use for is imported where a setting asks for it: boto3 and psycopg are half of a start.
"""

import gc
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from vault import tracing
from vault.audio.describer import SubprocessDescriber
from vault.audio.prompt import SubprocessPromptMaker
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.stores.account_keys import WrappedKeyRows
from vault.domain.notices.default_texts import NoticeTexts, parse_default_texts
from vault.domain.rules.rule_book_loader import parse
from vault.domain.rules.rules import RuleBook
from vault.errors import StartRefused
from vault.hardening import harden_process
from vault.keyservice.breaker import Breaker
from vault.keyservice.key_ring import AccountKeyRing
from vault.keyservice.location import open_own_keys, open_root_key
from vault.keyservice.two_root_keys import TwoRootKeys
from vault.objects.location import open_store
from vault.objects.owner import OWNER, claim, refuse_owned
from vault.ports.database import Database
from vault.ports.keys import RootKey
from vault.ports.objects import ObjectStore
from vault.ports.telephony import Provider
from vault.services.admission.call_facts import StoreCallFacts
from vault.services.admission.call_start import CallStart
from vault.services.admission.case import Admission
from vault.services.admission.evidence_chain import EvidenceChain
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.publication import Publication
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.audit_log.sequence_and_sign import SignCheckpoint
from vault.services.closing_acts.check_recovery import CheckRecovery
from vault.services.closing_acts.journal import Journal, JournaledDatabase
from vault.services.consent.enter_objection import ObjectionList
from vault.services.consent.record_consent import RecordConsent
from vault.services.ingest.announce import Announce
from vault.services.ingest.store_attempt import Attempt
from vault.services.node.startup_checks import OpenLogKey, ProveRootKey, is_new, may_make_root_key
from vault.services.node.vault_identity import compare_with_store, take_vault_over
from vault.services.playback.log_allowance import Allowance
from vault.services.playback.sessions import OpenLink
from vault.services.service import Vault
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.connection_cache import ConnectionCache
from vault.settings import Settings
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.download import MediaFetcher
from vault.telephony.http.rest import ProviderRest
from vault.telephony.numbering.number_plans import NumberPlans
from vault.telephony.providers.aircall.adapter import Aircall
from vault.telephony.providers.plivo.adapter import Plivo
from vault.telephony.providers.signalwire.adapter import SignalWire
from vault.telephony.providers.standard_webhooks.adapter import Platform
from vault.telephony.providers.telnyx.adapter import Telnyx
from vault.telephony.providers.twilio.adapter import Twilio
from vault.telephony.providers.vonage.adapter import Vonage
from vault.thread_pools import Threads
from vault.tlog.note import Signer

#: Every telephony platform that there is an adapter for.
PROVIDERS: tuple[Provider, ...] = (
    Platform(), Aircall(), Twilio(), Vonage(), Telnyx(), Plivo(), SignalWire(),
)  # fmt: skip
#: What verbs share, each made of the parts before it.
_SHARED = {
    "carried": AccountDataKeys,
    "connections": ConnectionCache,
    "published_log": PublishedLog,
    "publication": Publication,
    "anchor": Anchor,
    "admission": Admission,
    "chain": EvidenceChain,
    "keep_facts": StoreCallFacts,
    "call_start": CallStart,
    "tell": RecordConsent,
    "objection_list": ObjectionList,
    "announce": Announce,
    "attempt": Attempt,
    "open_link": OpenLink,
    "allowance": Allowance,
}
_DESCRIBERS = 2
#: Threads that seal: the cipher is fast enough for one core to outrun every disk.
_SEALERS = 4
_THREADS = {"keys": 4, "own_keys": 16, "objects": 32, "sealing": _SEALERS, "prompts": 1}


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


@cache
def rule_book() -> RuleBook:
    """Return the rules of recording by place, as packaged; read once."""
    files = sorted((Path(__file__).parent / "domain" / "rule_book").glob("*.toml"))
    return parse([file.read_text("utf-8") for file in files])


@cache
def notice_texts() -> NoticeTexts:
    """Return the default texts of notices in every language that is packaged; read once."""
    files = sorted((Path(__file__).parent / "domain" / "notice_texts").glob("*.toml"))
    texts = [parse_default_texts(file.read_text("utf-8")) for file in files]
    return NoticeTexts(languages={one.language: one for one in texts})


def migrate(settings: Settings) -> None:
    """Bring the database to this release's schema."""
    if settings.sqlite_path is None:
        from vault.database.engines.migrate import migrate_postgresql

        migrate_postgresql(settings.database_url)
    else:
        SqliteDatabase(settings.sqlite_path).close()


@asynccontextmanager
async def assemble(
    settings: Settings, *, restoring: bool = False, describing: bool = True
) -> AsyncIterator[Vault]:
    """Put a vault together, check its root key and its prefix, and take it apart at the end.

    With ``restoring`` a new database becomes that of the vault in the object store. Unless it is ``describing``
    it starts no describers before they are asked. Raises StartRefused before anything is sealed; Unavailable
    when a part does not answer.
    """
    harden_process()
    async with AsyncExitStack() as stack:
        if settings.tracing_url is not None:
            stack.callback(tracing.set_up(settings.tracing_url))
        database, close = _database(settings, guarded=not restoring)
        stack.callback(close)
        threads = _threads(stack)
        objects = await _store(settings, threads["objects"])
        await _begin(database, objects, restoring=restoring)
        current, previous = await _root_keys(settings, database, threads["keys"], stack)
        vault_id = await ProveRootKey(database=database, root_key=current, previous=previous)()
        root_key = current if previous is None else TwoRootKeys(current, previous)
        http = GuardedHttp(allow=settings.media_allow)
        vault = _vault(
            settings,
            database=database,
            ring=_ring(settings, database, root_key, threads["own_keys"], stack),
            objects=objects,
            root_key=root_key,
            current_root_key=current,
            previous_root_key=previous,
            describer=await _describer(stack, started=describing),
            prompt_maker=SubprocessPromptMaker(threads["prompts"]),
            fetcher=MediaFetcher(http),
            rest=ProviderRest(http),
            signer=await _signer(settings, database, objects, root_key, vault_id),
            threads=threads["sealing"],
        )
        _freeze()
        yield vault


def _freeze() -> None:
    """Tell the collector that what lives by now lives as long as the process, and need not be looked at again."""
    gc.collect()
    gc.freeze()


async def _begin(database: Database, objects: ObjectStore, *, restoring: bool) -> None:
    """Look whose objects these are before a new database has an id: with one it can become no other vault's.

    Raises StartRefused.
    """
    if not await is_new(database):
        return
    if restoring:
        await take_vault_over(database, objects)
        return
    try:
        await refuse_owned(objects)
    except StartRefused:
        # Unless another node has just begun this vault on the same database.
        if await is_new(database):
            raise


async def _signer(
    settings: Settings, database: Database, objects: ObjectStore, root_key: RootKey, vault_id: str
) -> Signer:
    """Claim the prefix, open the key of the log, and see that it is the log that lies there. Raises StartRefused."""
    await claim(objects, vault_id)
    opened = OpenLogKey(database=database, root_key=root_key, public_url=settings.public_url)
    signer = await opened(vault_id)
    await compare_with_store(database, objects, signer)
    return signer


async def _store(settings: Settings, threads: Threads) -> ObjectStore:
    return await open_store(settings.objects_url, threads, plain_http=settings.plain_http_allow)


async def _root_keys(
    settings: Settings, database: Database, threads: Threads, stack: AsyncExitStack
) -> tuple[Breaker, Breaker | None]:
    """Open the root key, and the one that the vault is to leave where one is set. Raises StartRefused."""
    previous, plain_http = None, settings.plain_http_allow
    if settings.previous_root_key_url is not None:
        previous = open_root_key(settings.previous_root_key_url, threads, plain_http=plain_http)
        stack.push_async_callback(previous.close)
    may_make = await may_make_root_key(database, previous)
    current = open_root_key(settings.root_key_url, threads, create=may_make, plain_http=plain_http)
    stack.push_async_callback(current.close)
    return current, previous


def _threads(stack: AsyncExitStack) -> dict[str, Threads]:
    made = {name: Threads(name, size) for name, size in _THREADS.items()}
    for pool in made.values():
        stack.callback(pool.close)
    return made


async def _describer(stack: AsyncExitStack, *, started: bool) -> SubprocessDescriber:
    describer = SubprocessDescriber(size=_DESCRIBERS)
    stack.push_async_callback(describer.close)
    if started:
        await describer.start()
    return describer


def _ring(
    settings: Settings, database: Database, root_key: RootKey, threads: Threads, stack: AsyncExitStack
) -> AccountKeyRing:
    own_keys = open_own_keys(settings.own_keys_url, threads, plain_http=settings.plain_http_allow)
    stack.push_async_callback(own_keys.close)
    return AccountKeyRing(root_key, WrappedKeyRows(database), own_keys=own_keys)


def _database(settings: Settings, *, guarded: bool) -> tuple[Database, Callable[[], None]]:
    """Open the database, and return how it is closed. Only a restore works on one that was not looked at."""
    if settings.sqlite_path is not None:
        sqlite = SqliteDatabase(settings.sqlite_path)
        return sqlite, sqlite.close
    from vault.database.engines.migrate import check_postgresql
    from vault.database.engines.postgresql import PostgresqlDatabase

    check_postgresql(settings.database_url)
    postgresql = PostgresqlDatabase(settings.database_url)
    return postgresql if guarded else postgresql.unguarded, postgresql.close


def _vault(settings: Settings, **rooms: object) -> Vault:
    """Give every verb the parts that its fields name."""
    parts: dict[str, Any] = {
        "clock": utc_now,
        "providers": {provider.name: provider for provider in PROVIDERS},
        "public_url": settings.public_url,
        "rule_book": rule_book(),
        "notice_texts": notice_texts(),
        "numbers": NumberPlans(),
        "owner_marker": OWNER,
        "current_root_key": rooms.get("root_key"),
        "previous_root_key": None,
        **rooms,
    }
    parts["journal"] = _made(Journal, parts)
    parts["database"] = JournaledDatabase(inner=parts["database"], journal=parts["journal"])
    for name, shared in _SHARED.items():
        parts[name] = _made(shared, parts)
    parts["check_recovery"] = _check_recovery(parts, rooms["database"])
    sign = _made(SignCheckpoint, parts)
    parts["sign_checkpoint"] = replace(sign, pause=timedelta(seconds=settings.anchor_seconds))
    verbs: dict[str, Any] = {
        field.name: parts.get(field.name) or _made(field.type, parts) for field in fields(Vault)
    }
    return Vault(**verbs)


def _check_recovery(parts: Mapping[str, Any], database: Any) -> Any:
    """Make what looks whether the database lacks anything: it must not wait for its own look."""
    bare = getattr(database, "unguarded", database)
    seen = {"database": bare, "published_log": replace(parts["published_log"], database=bare)}
    made = _made(CheckRecovery, {**parts, **seen})
    if bare is not database:
        database.look = made.look
    return made


def _made(kind: Any, parts: Mapping[str, object]) -> Any:
    """Make a verb: a part for each of its fields, by name. A field without a part must have a default."""
    kind = tracing.traced(kind)
    return kind(**{field.name: parts[field.name] for field in fields(kind) if field.name in parts})
