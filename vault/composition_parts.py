"""What services are built from: the adapters, the packaged data, and the parts that several services share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vault.circuit_breaker import CircuitBreaker
from vault.database.interface import Database
from vault.domain.legal_rules.rule import RuleBook
from vault.domain.legal_rules.rule_book_loader import parse
from vault.domain.notices.default_texts import NoticeTexts, parse_default_texts
from vault.domain.registers.checks import MAX_RECIPIENTS
from vault.domain.registers.entries import Recipient
from vault.ports.audio import Describer, PromptMaker
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing, RootKey
from vault.ports.numbers import Numbers
from vault.ports.objects import ObjectStore
from vault.ports.telephony import Fetcher, Provider, RestClient
from vault.services.admission.admission import Admission
from vault.services.admission.call_facts import StoreCallFacts
from vault.services.admission.call_start import CallStart
from vault.services.admission.certain_numbers import CertainNumbers
from vault.services.approvals.ask import AskApproval
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.publication import Publication
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.closing_acts.journal import Journal
from vault.services.closing_acts.journaled_database import JournaledDatabase
from vault.services.consent.enter_objection import ObjectionList
from vault.services.consent.key_objections import KeyObjections
from vault.services.consent.record_consent import RecordConsent
from vault.services.ingest.announce import Announce
from vault.services.ingest.announce_again import AnnounceAgain
from vault.services.ingest.store_attempt import Attempt
from vault.services.lifecycle.evidence_chain import EvidenceChain
from vault.services.lifecycle.restrict_recording import RestrictRecording
from vault.services.node.readiness_probe import Part
from vault.services.playback.log_allowance import Allowance
from vault.services.playback.session_addresses import SessionAddresses
from vault.services.registers.sealed_entries import SealedEntries
from vault.services.requests.find_person import FindPerson
from vault.services.requests.sealed_requests import SealedRequests
from vault.services.requests.speakers import FindSpeaker
from vault.services.retention.compute_terms import ComputeTerms
from vault.services.retention.place_hold import PlaceHold
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.connection_cache import ConnectionCache
from vault.services.shared.identify_people import IdentifyPeople
from vault.services.shared.people_keys import PeopleKeys
from vault.services.sign_in.opened_connections import OpenedConnections
from vault.telephony.numbering.number_plans import NumberPlans
from vault.thread_pools import Threads
from vault.tlog.note import Signer
from vault.tracing import traced

if TYPE_CHECKING:
    from vault.database.engines.postgresql import PostgresqlDatabase


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@cache
def rule_book() -> RuleBook:
    """Return the packaged recording rules by jurisdiction; read once."""
    files = sorted((Path(__file__).parent / "domain" / "rule_book").glob("*.toml"))
    return parse([file.read_text("utf-8") for file in files])


@cache
def notice_texts() -> NoticeTexts:
    """Return the packaged default notice texts in every language; read once."""
    files = sorted((Path(__file__).parent / "domain" / "notice_texts").glob("*.toml"))
    defaults = [parse_default_texts(file.read_text("utf-8")) for file in files]
    return NoticeTexts(languages={texts.language: texts for texts in defaults})


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """Everything outside the services: databases, stores, keys, subprocesses, networks and the clock."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    #: Unwraps with the current root key and, during its rotation, with the previous one.
    root_key: RootKey
    signer: Signer
    #: The encryption threads.
    threads: Threads
    describer: Describer
    prompt_maker: PromptMaker
    fetcher: Fetcher
    rest: RestClient
    providers: Mapping[str, Provider]
    #: The root key alone; None where it is ``root_key``.
    current_root_key: RootKey | None = None
    previous_root_key: RootKey | None = None
    #: The circuit breakers of parts that have one.
    breakers: Mapping[Part, CircuitBreaker] = field(default_factory=dict)
    clock: Clock = utc_now
    numbers: Numbers = field(default_factory=NumberPlans)
    rule_book: RuleBook = field(default_factory=rule_book)
    notice_texts: NoticeTexts = field(default_factory=notice_texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Parts that several services share. Services get this database, which stores the objects of closing acts."""

    journal: Journal
    database: Database
    data_keys: AccountDataKeys
    connection_cache: ConnectionCache
    published_log: PublishedLog
    publication: Publication
    anchor: Anchor
    admission: Admission
    chain: EvidenceChain
    restriction: RestrictRecording
    store_facts: StoreCallFacts
    call_start: CallStart
    record_consent: RecordConsent
    objection_list: ObjectionList
    find_person: FindPerson
    find_speaker: FindSpeaker
    sealed_requests: SealedRequests
    announce: Announce
    attempt: Attempt
    allowance: Allowance
    compute_terms: ComputeTerms
    ask_approval: AskApproval
    place_hold: PlaceHold
    people_keys: PeopleKeys
    opened_connections: OpenedConnections
    identify_people: IdentifyPeople
    session_addresses: SessionAddresses = field(default_factory=SessionAddresses)


def build_parts(adapters: Adapters) -> Parts:
    """Build the shared parts, each from the parts before it."""
    ring, clock, objects = adapters.ring, adapters.clock, adapters.objects
    journal = Journal(objects=objects, signer=adapters.signer)
    database = JournaledDatabase(inner=adapters.database, journal=journal)
    data_keys = AccountDataKeys(database=database, ring=ring)
    log = PublishedLog(database=database, objects=objects, signer=adapters.signer)
    publication = traced(Publication)(database=database, objects=objects, published_log=log, clock=clock)
    admission, chain = _admission(adapters, database, data_keys), EvidenceChain(database=database, ring=ring)
    objection_list = _objection_list(adapters, admission)
    store_facts = _store_facts(adapters, objection_list, chain)
    people_keys = PeopleKeys(database=database, ring=ring, secret=adapters.signer.secret)
    return Parts(
        journal=journal,
        database=database,
        data_keys=data_keys,
        connection_cache=ConnectionCache(database=database, ring=ring, data_keys=data_keys),
        published_log=log,
        publication=publication,
        anchor=_anchor(adapters, database, log, publication),
        admission=admission,
        chain=chain,
        restriction=RestrictRecording(database=database, chain=chain, clock=clock),
        store_facts=store_facts,
        call_start=_call_start(adapters, database, admission, store_facts),
        record_consent=_record_consent(adapters, database, admission, chain),
        objection_list=objection_list,
        find_person=_find_person(adapters, database, admission),
        find_speaker=_find_speaker(adapters, database, admission),
        sealed_requests=SealedRequests(database=database, ring=ring),
        announce=_announce(adapters, database, admission, store_facts),
        attempt=_attempt(adapters, database),
        allowance=Allowance(database=database),
        compute_terms=ComputeTerms(database=database, ring=ring, admission=admission),
        ask_approval=AskApproval(database=database, data_keys=data_keys, clock=clock),
        place_hold=PlaceHold(database=database, admission=admission, data_keys=data_keys, clock=clock),
        people_keys=people_keys,
        opened_connections=OpenedConnections(data_keys=people_keys),
        identify_people=IdentifyPeople(database=database, data_keys=people_keys),
    )


def _announce(
    adapters: Adapters, database: Database, admission: Admission, store_facts: StoreCallFacts
) -> Announce:
    again = traced(AnnounceAgain)(database=database, ring=adapters.ring, admission=admission)
    return traced(Announce)(
        database=database,
        ring=adapters.ring,
        admission=admission,
        store_facts=store_facts,
        providers=adapters.providers,
        announce_again=again,
    )


def _find_person(adapters: Adapters, database: Database, admission: Admission) -> FindPerson:
    certain_numbers = CertainNumbers(
        database=database, admission=admission, numbers=adapters.numbers, threads=adapters.threads
    )
    return FindPerson(database=database, admission=admission, certain_numbers=certain_numbers)


def _admission(adapters: Adapters, database: Database, data_keys: AccountDataKeys) -> Admission:
    return Admission(
        database=database,
        ring=adapters.ring,
        rule_book=adapters.rule_book,
        numbers=adapters.numbers,
        data_keys=data_keys,
    )


def _store_facts(adapters: Adapters, objection_list: ObjectionList, chain: EvidenceChain) -> StoreCallFacts:
    return traced(StoreCallFacts)(
        database=objection_list.database,
        ring=adapters.ring,
        admission=objection_list.admission,
        chain=chain,
        clock=adapters.clock,
        direction_stored=KeyObjections(objection_list=objection_list).enter_waiting,
    )


def _record_consent(
    adapters: Adapters, database: Database, admission: Admission, chain: EvidenceChain
) -> RecordConsent:
    return traced(RecordConsent)(
        database=database, ring=adapters.ring, admission=admission, chain=chain, clock=adapters.clock
    )


def _call_start(
    adapters: Adapters, database: Database, admission: Admission, store_facts: StoreCallFacts
) -> CallStart:
    return traced(CallStart)(
        database=database, admission=admission, store_facts=store_facts, clock=adapters.clock
    )


def _find_speaker(adapters: Adapters, database: Database, admission: Admission) -> FindSpeaker:
    return FindSpeaker(database=database, ring=adapters.ring, admission=admission, numbers=adapters.numbers)


def _attempt(adapters: Adapters, database: Database) -> Attempt:
    return traced(Attempt)(
        database=database,
        ring=adapters.ring,
        objects=adapters.objects,
        threads=adapters.threads,
        clock=adapters.clock,
    )


def _anchor(
    adapters: Adapters, database: Database, published_log: PublishedLog, publication: Publication
) -> Anchor:
    return Anchor(
        database=database,
        objects=adapters.objects,
        signer=adapters.signer,
        clock=adapters.clock,
        published_log=published_log,
        publication=publication,
    )


def _objection_list(adapters: Adapters, admission: Admission) -> ObjectionList:
    return ObjectionList(
        database=admission.database,
        ring=adapters.ring,
        data_keys=admission.data_keys,
        admission=admission,
        numbers=adapters.numbers,
        clock=adapters.clock,
    )


def build_recipient_entries(adapters: Adapters, parts: Parts) -> SealedEntries[Recipient]:
    """Build what reads and writes the sealed entries of recipients."""
    return SealedEntries(
        database=parts.database, ring=adapters.ring, register="recipient", most=MAX_RECIPIENTS
    )


def postgresql_of(database: Database) -> "PostgresqlDatabase | None":
    """Return the database as a guarded PostgreSQL database, without importing its driver for another; or None."""
    return cast("PostgresqlDatabase", database) if hasattr(database, "unguarded") else None
