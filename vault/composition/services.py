"""Builds every service: each field of Vault and of Jobs by its type, but for the exceptions on this page."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from vault.circuit_breaker import CircuitBreaker
from vault.composition.adapters import Adapters, RestBodies, mail_texts, page_texts, postgresql_of
from vault.composition.wiring import Exceptions, Wiring
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.interface import Database
from vault.domain.legal_rules.rule import RuleBook
from vault.domain.notices.default_texts import NoticeTexts
from vault.domain.playback.own_token import TokenKey
from vault.domain.public_urls import PublicUrls
from vault.domain.registers.checks import MAX_RECIPIENTS
from vault.domain.registers.entries import AuthorityRequest, ProcessingProfile, Recipient
from vault.domain.registers.privacy_page import PageTexts
from vault.domain.sign_in.invitation_mail import MailTexts
from vault.domain.sign_in.relying_party import RelyingParty
from vault.fair_gate import FairGate
from vault.fair_places import FairPlaces
from vault.objects.owner import OWNER
from vault.ports.audio import Describer, PromptMaker, SpanDecoder
from vault.ports.clock import Clock
from vault.ports.collector import Collector
from vault.ports.crm import CrmSystem
from vault.ports.keys import KeyRing, RootKey
from vault.ports.mail import Mailer
from vault.ports.numbers import Numbers
from vault.ports.objects import ObjectStore
from vault.ports.outside import Outside
from vault.ports.telephony import Fetcher, Provider, RestClient
from vault.services.accounts.accounts import Accounts
from vault.services.admission.call_facts import StoreCallFacts
from vault.services.approvals.execute_approval import ExecuteApproval
from vault.services.approved_acts import ApprovedActs, Bodies
from vault.services.audit_log.log_publisher import LogPublisher
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.closing_acts.check_recovery import RecoveryCheck
from vault.services.closing_acts.journal import Journal
from vault.services.closing_acts.journaled_database import JournaledDatabase
from vault.services.consent.key_objections import KeyObjections
from vault.services.key_rotation.rewrap_root_key import RewrapRootKey
from vault.services.moves.account_moves import AccountMoves
from vault.services.moves.move_end import MoveEnd
from vault.services.node.readiness_probe import Part, ReadinessProbe
from vault.services.outbox.find_kinds import KINDS
from vault.services.outbox.send_outbox import SendOutbox
from vault.services.playback.verify_link_token import LinkTokenVerifier, audience_of
from vault.services.recordings.sweep_orphans import Sweep
from vault.services.registers.processing_records import ProcessingRecords
from vault.services.registers.sealed_entries import SealedEntries
from vault.services.requests.erase_decided import EraseDecided
from vault.services.requests.package_about import PackageAbout
from vault.services.retention.recording_retention import ShowRetention
from vault.services.service import Vault
from vault.services.shared.account_limiter import AccountLimiter
from vault.services.shared.people_keys import PeopleKeys
from vault.services.sign_in.passkey_proofs import PasskeyProofs
from vault.settings import Settings
from vault.thread_pools import Threads
from vault.tlog.note import Signer

#: Webhooks that a process works on concurrently; fewer than the database has threads for.
_WEBHOOKS_AT_ONCE: Final = 8


def build_vault(settings: Settings, adapters: Adapters) -> Vault:
    """Build every service. Raises LookupError for a field that has no part: a fault of this release."""
    wiring = Wiring(_parts(settings, adapters), _exceptions(settings, adapters))
    vault = wiring.make(Vault)
    if (guarded := postgresql_of(adapters.database)) is not None:
        guarded.history_check = partial(_check_history, guarded, vault)
    return vault


async def _check_history(database: PostgresqlDatabase, vault: Vault) -> None:
    """Compare a server with what this vault knows, then let the changes of calls go on there."""
    await vault.node.recovery.require_complete()
    await database.unguarded.write(lambda tx: tx.call_changes.follow_history())


def _parts(settings: Settings, adapters: Adapters) -> Mapping[object, object]:
    """Return the adapters, and what is made of them alone, by type."""
    journal = Journal(objects=adapters.objects, signer=adapters.signer)
    # Services get this database, which stores the objects of closing acts.
    database = JournaledDatabase(inner=adapters.database, journal=journal)

    def entries(**kind: Any) -> Any:
        return SealedEntries(database=database, ring=adapters.ring, **kind)

    return {
        Database: database,
        Journal: journal,
        ObjectStore: adapters.objects,
        KeyRing: adapters.ring,
        RootKey: adapters.root_key,
        Signer: adapters.signer,
        Threads: adapters.threads,
        Describer: adapters.describer,
        SpanDecoder: adapters.describer,
        PromptMaker: adapters.prompt_maker,
        Fetcher: adapters.fetcher,
        RestClient: adapters.rest,
        Outside: adapters.outside,
        Collector: adapters.collector,
        Mailer: adapters.mailer,
        Mapping[str, Provider]: adapters.providers,
        Mapping[str, CrmSystem]: adapters.crm_systems,
        Mapping[Part, CircuitBreaker]: adapters.breakers,
        Clock: adapters.clock,
        PublicUrls: PublicUrls(public_url=settings.public_url, cell=settings.cell),
        Numbers: adapters.numbers,
        Bodies: RestBodies(),
        **_texts(adapters),
        TokenKey: TokenKey.derived_from(adapters.signer.secret),
        FairGate: FairGate(FairPlaces(_WEBHOOKS_AT_ONCE)),
        # Without its parameter: before Python 3.13 a call of the alias sets an attribute, and these are frozen.
        SealedEntries[Recipient]: entries(register="recipient", most=MAX_RECIPIENTS),
        SealedEntries[ProcessingProfile]: entries(register="processing_record"),
        SealedEntries[AuthorityRequest]: entries(register="authority_request"),
    }


def _texts(adapters: Adapters) -> Mapping[object, object]:
    """Return rules and texts that come with the package, by type."""
    return {
        RuleBook: adapters.rule_book,
        NoticeTexts: adapters.notice_texts,
        Mapping[str, PageTexts]: page_texts(),
        Mapping[str, MailTexts]: mail_texts(),
    }


def _exceptions(settings: Settings, adapters: Adapters) -> Exceptions:
    """Return what does not follow from a type: settings, methods of other parts, and other adapters of a type."""
    guarded = postgresql_of(adapters.database)
    # The guard of a database would wait for the check of its history.
    bare = adapters.database if guarded is None else guarded.unguarded
    return {
        (PasskeyProofs, "site"): lambda _: RelyingParty.of(settings.public_url, settings.passkey_domain),
        (LinkTokenVerifier, "audience"): lambda _: audience_of(settings.public_url),
        (AccountLimiter, "default"): lambda _: settings.account_limits,
        (AccountLimiter, "ceiling"): lambda _: settings.account_limits_max,
        (AccountLimiter, "max_queue"): lambda _: settings.max_queue,
        (LogPublisher, "sign_interval"): lambda _: timedelta(seconds=settings.anchor_seconds),
        (SendOutbox, "kinds"): lambda made: {name: made.make(kind) for name, kind in KINDS.items()},
        (Sweep, "scan_objects"): lambda _: settings.scan_objects,
        (ProcessingRecords, "places"): lambda _: adapters.places,
        (MoveEnd, "region"): lambda _: None if settings.region is None else settings.region.name,
        (AccountMoves, "open_other"): lambda _: adapters.open_other,
        (Accounts, "region"): lambda _: None if settings.region is None else settings.region.name,
        (ProcessingRecords, "region"): lambda _: settings.region,
        (PeopleKeys, "secret"): lambda _: adapters.signer.secret,
        (ReadinessProbe, "owner_marker"): lambda _: OWNER,
        (ReadinessProbe, "database_has_clock"): lambda _: guarded is not None,
        (RewrapRootKey, "current_root_key"): lambda _: adapters.current_root_key or adapters.root_key,
        (RewrapRootKey, "previous_root_key"): lambda _: adapters.previous_root_key,
        (RecoveryCheck, "database"): lambda _: bare,
        (RecoveryCheck, "published_log"): lambda made: replace(made.make(PublishedLog), database=bare),
        (StoreCallFacts, "direction_stored"): lambda made: made.make(KeyObjections).enter_waiting,
        (EraseDecided, "retention"): lambda made: made.make(ShowRetention),
        (PackageAbout, "retention"): lambda made: made.make(ShowRetention),
        (PackageAbout, "record"): lambda made: made.make(ProcessingRecords).read,
        (ExecuteApproval, "acts"): lambda made: made.make(ApprovedActs).by_verb(),
    }
