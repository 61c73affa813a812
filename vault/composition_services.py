"""Build every service from its parts. Constructors are called by hand, so that mypy checks every argument."""

from dataclasses import replace

from vault.composition_approvals import build_gated
from vault.composition_jobs import build_jobs
from vault.composition_links import build_links
from vault.composition_parts import Adapters, Parts, build_parts, postgresql_of
from vault.composition_people import build_people
from vault.composition_registers import (
    build_authority_requests,
    build_processing_records,
    build_recipients,
)
from vault.fair_gate import FairGate
from vault.fair_places import FairPlaces
from vault.objects.owner import OWNER
from vault.services.accounts.accounts import Accounts
from vault.services.accounts.connections import Connections
from vault.services.accounts.idempotency import Idempotency
from vault.services.accounts.limits import Limits
from vault.services.accounts.switch_settings import SwitchSettings
from vault.services.admission.quarantine import Quarantine
from vault.services.audit_log.access_log import AccessLog
from vault.services.audit_log.proofs import LogProofs
from vault.services.closing_acts.check_recovery import RecoveryCheck
from vault.services.consent.call_documents import CallDocuments
from vault.services.consent.consent_records import ConsentRecords
from vault.services.consent.key_objections import KeyObjections
from vault.services.consent.notices import Notices
from vault.services.consent.objections import Objections
from vault.services.consent.policy import Policies
from vault.services.consent.show_rules import Rules
from vault.services.ingest.receive_webhook import Webhooks
from vault.services.ingest.retry_recording import RetryRecording
from vault.services.ingest.upload import Uploads
from vault.services.node.outages import Outages
from vault.services.node.readiness_probe import ReadinessProbe
from vault.services.playback.audio_stream import AudioStreams
from vault.services.playback.player_view import Player
from vault.services.registers.disclosures import Disclosures
from vault.services.service import Vault
from vault.services.shared.account_limiter import AccountLimiter
from vault.services.shared.connection_activity import NoteActivity
from vault.settings import Settings
from vault.tracing import traced

#: Webhooks that a process works on concurrently; fewer than the database has threads for.
_WEBHOOKS_AT_ONCE = 8


def build_vault(settings: Settings, adapters: Adapters) -> Vault:
    """Build every service."""
    parts = build_parts(adapters)
    readiness, limiter = _readiness(adapters, parts), _limiter(settings, parts)
    gated, settle_approvals = build_gated(adapters, parts)
    return Vault(
        accounts=traced(Accounts)(database=parts.database, ring=adapters.ring, clock=adapters.clock),
        **build_people(settings, adapters, parts),
        idempotency=traced(Idempotency)(database=parts.database, clock=adapters.clock),
        connections=_connections(settings, adapters, parts),
        recording_switch=traced(SwitchSettings)(database=parts.database, data_keys=parts.data_keys),
        rules=traced(Rules)(rule_book=adapters.rule_book),
        consent_policy=_consent_policy(adapters, parts),
        notices=_notices(adapters, parts),
        objections=traced(Objections)(objection_list=parts.objection_list, database=parts.database),
        consent=_consent(adapters, parts),
        call_documents=_call_documents(settings, adapters, parts),
        webhooks=_webhooks(adapters, parts, limiter),
        uploads=_uploads(adapters, parts),
        retry_recording=_retry_recording(adapters, parts),
        **gated,
        quarantine=_quarantine(adapters, parts),
        **build_links(settings, adapters, parts),
        audio=_audio(adapters, parts),
        player=_player(adapters, parts),
        access_log=_access_log(adapters, parts),
        log_proofs=_log_proofs(adapters, parts),
        processing_records=build_processing_records(settings, adapters, parts),
        recipients=build_recipients(adapters, parts),
        disclosures=traced(Disclosures)(database=parts.database, ring=adapters.ring),
        authority_requests=build_authority_requests(adapters, parts),
        recovery=_recovery(adapters, parts),
        limits=traced(Limits)(database=parts.database, clock=adapters.clock, limiter=limiter),
        readiness=readiness,
        outages=Outages(probe=readiness, breakers=adapters.breakers),
        jobs=build_jobs(settings, adapters, parts, settle_approvals),
        database=parts.database,
    )


def _connections(settings: Settings, adapters: Adapters, parts: Parts) -> Connections:
    return traced(Connections)(
        database=parts.database,
        ring=adapters.ring,
        data_keys=parts.data_keys,
        clock=adapters.clock,
        providers=adapters.providers,
        connection_cache=parts.connection_cache,
        public_url=settings.public_url,
    )


def _consent_policy(adapters: Adapters, parts: Parts) -> Policies:
    return traced(Policies)(
        database=parts.database, data_keys=parts.data_keys, rule_book=adapters.rule_book, clock=adapters.clock
    )


def _notices(adapters: Adapters, parts: Parts) -> Notices:
    return traced(Notices)(
        database=parts.database,
        notice_texts=adapters.notice_texts,
        rule_book=adapters.rule_book,
        ring=adapters.ring,
        prompt_maker=adapters.prompt_maker,
    )


def _consent(adapters: Adapters, parts: Parts) -> ConsentRecords:
    return traced(ConsentRecords)(
        database=parts.database, record_consent=parts.record_consent, clock=adapters.clock, ring=adapters.ring
    )


def _call_documents(settings: Settings, adapters: Adapters, parts: Parts) -> CallDocuments:
    return traced(CallDocuments)(
        database=parts.database,
        providers=adapters.providers,
        connection_cache=parts.connection_cache,
        call_start=parts.call_start,
        record_consent=parts.record_consent,
        key_objections=KeyObjections(objection_list=parts.objection_list),
        rest=adapters.rest,
        clock=adapters.clock,
        public_url=settings.public_url,
    )


def _limiter(settings: Settings, parts: Parts) -> AccountLimiter:
    return AccountLimiter(
        database=parts.database,
        default=settings.account_limits,
        ceiling=settings.account_limits_max,
        max_queue=settings.max_queue,
    )


def _webhooks(adapters: Adapters, parts: Parts, limiter: AccountLimiter) -> Webhooks:
    return traced(Webhooks)(
        database=parts.database,
        clock=adapters.clock,
        providers=adapters.providers,
        connection_cache=parts.connection_cache,
        admission=parts.admission,
        announce=parts.announce,
        store_facts=parts.store_facts,
        limiter=limiter,
        gate=FairGate(FairPlaces(_WEBHOOKS_AT_ONCE)),
        fetcher=adapters.fetcher,
        activity=NoteActivity(database=parts.database, clock=adapters.clock),
    )


def _retry_recording(adapters: Adapters, parts: Parts) -> RetryRecording:
    return RetryRecording(
        database=parts.database,
        clock=adapters.clock,
        providers=adapters.providers,
        connection_cache=parts.connection_cache,
        fetcher=adapters.fetcher,
        announce_again=parts.announce.announce_again,
    )


def _uploads(adapters: Adapters, parts: Parts) -> Uploads:
    return traced(Uploads)(
        database=parts.database,
        ring=adapters.ring,
        clock=adapters.clock,
        admission=parts.admission,
        attempt=parts.attempt,
    )


def _quarantine(adapters: Adapters, parts: Parts) -> Quarantine:
    return traced(Quarantine)(
        database=parts.database,
        ring=adapters.ring,
        admission=parts.admission,
        clock=adapters.clock,
        data_keys=parts.data_keys,
    )


def _audio(adapters: Adapters, parts: Parts) -> AudioStreams:
    return traced(AudioStreams)(
        database=parts.database,
        ring=adapters.ring,
        objects=adapters.objects,
        clock=adapters.clock,
        allowance=parts.allowance,
        addresses=parts.session_addresses,
        data_keys=parts.data_keys,
    )


def _player(adapters: Adapters, parts: Parts) -> Player:
    return traced(Player)(
        objects=adapters.objects,
        database=parts.database,
        ring=adapters.ring,
        clock=adapters.clock,
        allowance=parts.allowance,
    )


def _access_log(adapters: Adapters, parts: Parts) -> AccessLog:
    return traced(AccessLog)(
        database=parts.database, ring=adapters.ring, data_keys=parts.data_keys, clock=adapters.clock
    )


def _log_proofs(adapters: Adapters, parts: Parts) -> LogProofs:
    return traced(LogProofs)(
        database=parts.database,
        signer=adapters.signer,
        anchor=parts.anchor,
        clock=adapters.clock,
        ring=adapters.ring,
    )


def _readiness(adapters: Adapters, parts: Parts) -> ReadinessProbe:
    return traced(ReadinessProbe)(
        database=parts.database,
        objects=adapters.objects,
        root_key=adapters.root_key,
        owner_marker=OWNER,
        clock=adapters.clock,
        database_has_clock=postgresql_of(adapters.database) is not None,
    )


def _recovery(adapters: Adapters, parts: Parts) -> RecoveryCheck:
    """Build the recovery check on the unguarded database: the guard would wait for this same check."""
    guarded = postgresql_of(adapters.database)
    bare = adapters.database if guarded is None else guarded.unguarded
    check = traced(RecoveryCheck)(
        database=bare, published_log=replace(parts.published_log, database=bare), journal=parts.journal
    )
    if guarded is not None:
        guarded.history_check = check.require_complete
    return check
