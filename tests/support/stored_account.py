"""The object of an account: one as the first release wrote it, and one with a value in every part."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.support.stored_objects import ACCOUNT, AT, ENVELOPE, OBJECTION
from vault.database.account_object import PARTS, AccountObject
from vault.database.account_parts.approval_rule import APPROVAL_RULE
from vault.database.account_parts.callback import CALLBACK, StoredCallback
from vault.database.account_parts.card_data import CARD_DATA
from vault.database.account_parts.connections import CONNECTIONS
from vault.database.account_parts.consent_policies import CONSENT_POLICIES
from vault.database.account_parts.event_endpoints import EVENT_ENDPOINTS
from vault.database.account_parts.holds import HOLDS
from vault.database.account_parts.integrations import INTEGRATIONS
from vault.database.account_parts.keys import KEYS, AccountKeys
from vault.database.account_parts.link_keys import LINK_CUTS, LINK_KEYS
from vault.database.account_parts.members import MEMBERS, StoredMember
from vault.database.account_parts.notices import NOTICES, PromptDigest, StoredNotice
from vault.database.account_parts.objections import OBJECTIONS
from vault.database.account_parts.part import AccountPart, OptionalPart
from vault.database.account_parts.provisioning import PROVISIONING, StoredProvisioning
from vault.database.account_parts.registers import REGISTERS
from vault.database.account_parts.requests import REQUESTS
from vault.database.account_parts.retention_policies import RETENTION_POLICIES
from vault.database.account_parts.sign_in import SIGN_IN, StoredSignIn
from vault.database.account_parts.step_up import STEP_UP
from vault.database.account_parts.switch import SWITCH, SWITCH_HISTORY
from vault.domain.accounts.account import Account, Connection, Switch, SwitchChange
from vault.domain.accounts.account_keys import WrappedMonthKey
from vault.domain.accounts.roles import RoleGrant
from vault.domain.approvals.rule import ApprovalRule
from vault.domain.consent.consent_event import ConsentPolicy, Keys
from vault.domain.events.endpoint import StoredEndpoint
from vault.domain.handover.integration import HandoverPolicy, StoredIntegration
from vault.domain.legal_rules.rule import RuleOverride
from vault.domain.notices.notice import Notice
from vault.domain.playback.link_key import LinkCut, LinkKey
from vault.domain.recordings.card_data import CardDataPolicy
from vault.domain.registers.entries import SealedEntry
from vault.domain.requests.request import Request, RequestState
from vault.domain.retention.hold import Hold, RecordingSelection
from vault.domain.retention.period import parse_period
from vault.domain.retention.policy import RetentionClass, RetentionPolicy
from vault.domain.sign_in.connection import SealedConnection
from vault.domain.sign_in.passkey import Passkey
from vault.domain.sign_in.provisioning import ProvisionedGroup, ProvisionedUser, Provisioning
from vault.domain.sign_in.step_up import StepUp
from vault.domain.stored.request_rows import StoredRequest
from vault.domain.stored.retention_json import StoredHold

Values = Mapping[AccountPart[Any], object]


def having(known: AccountObject, values: Values) -> AccountObject:
    """Return an account's object with other values in some parts."""
    return replace(known, values={**known.values, **{part.name: value for part, value in values.items()}})


EMPTY = AccountObject(
    account=Account(id=ACCOUNT, ref="acme", name="Acme", locale="en", opened_at=AT),
    revision=12,
    as_of=AT,
    values={part.name: None if isinstance(part, OptionalPart) else () for part in PARTS},
)
#: As the first release wrote it.
FIRST_PARTS: Values = {
    KEYS: AccountKeys(
        versions=ENVELOPE.keys, wrapped_index_key=b"index", index_key_version=1, detail_keys={1: (b"detail", 20)}
    ),
    SWITCH: Switch(enabled=False, epoch=1, changed_at=AT, changed_by="key_1"),
    SWITCH_HISTORY: (
        SwitchChange(enabled=True, epoch=0, at=AT - timedelta(days=1), by="vault", reason=None),
        SwitchChange(enabled=False, epoch=1, at=AT, by="key_1", reason="why"),
    ),
    CONSENT_POLICIES: (
        ConsentPolicy(
            version=1, mode="announce", home_place="FR", keys=Keys(accept="5"), changed_at=AT, changed_by="key_1",
            overrides=(RuleOverride(place="DE", reason="r", author="key_1", at=AT),),
        ),
    ),
    CONNECTIONS: (
        Connection(
            id="conn_1", account_id=ACCOUNT, name="main", provider="platform", sealed_credentials=b"c",
            key_version=20, api_base=None, delete_at_source=True, delete_refused=False, collect_from=AT,
            next_url="https://example.test/", pause_refused=False,
        ),
    ),
    OBJECTIONS: (OBJECTION,),
    NOTICES: (
        StoredNotice(
            notice=Notice(
                id="ntc_1", account_id=ACCOUNT, language="en", audience="caller", mode="announce", places=("FR",),
                controller="Acme", purposes="p", refusal="r", full_notice="f", retention="", text="t",
                text_sha256="00", audio_sha256="11", audio_seconds=1.5, status="published", version=1,
                created_at=AT, created_by="key_1", published_at=AT, retired_at=None,
            ),
            prompt=PromptDigest(sha256="22", key_version=20),
        ),
    ),
}  # fmt: skip
#: What later releases added.
LATER_PARTS: Values = {
    HOLDS: (
        StoredHold(
            hold=Hold(
                id="hold_1", account_id=ACCOUNT, placed_at=AT, placed_by="key_1", ends_at=AT + timedelta(days=9),
                covers=RecordingSelection(
                    recordings=frozenset({"rec_2", "rec_1"}), calls=frozenset({"c"}),
                    terms=frozenset({b"\xff\x00", b"term"}), from_=AT - timedelta(days=2), to=None, everything=False,
                ),
            ),
            sealed_text="\x01dGV4dA==",
        ),
    ),
    RETENTION_POLICIES: (
        RetentionPolicy(
            version=1, changed_at=AT, changed_by="key_1", effective_at=AT + timedelta(days=7),
            classes=(
                RetentionClass(
                    name="calls", period=parse_period("P6M"), purpose="p", minimum=parse_period("P1D")
                ),
            ),
            waiting=timedelta(days=7), told_reason="\x01d2h5",
        ),
    ),
    APPROVAL_RULE: ApprovalRule(
        enabled=True, verbs=frozenset({"own_key", "account_closure"}), version=3, changed_at=AT, changed_by="key_1"
    ),
    REGISTERS: (
        SealedEntry(
            id="reg_1", account_id=ACCOUNT, register="recipient", revision=2, sealed_entry=b"e", key_version=20,
            created_at=AT, changed_at=AT, changed_by="key_1",
        ),
    ),
    LINK_KEYS: (
        LinkKey(
            id="lkey_1", account_id=ACCOUNT, name="app", algorithm="Ed25519", public_key=b"p" * 32, max_life=900,
            max_sessions=3, kinds=("player", "media"), networks=("10.0.0.0/8",), download=True, not_after=None,
            created_at=AT, created_by="key_1", deleted_at=None,
        ),
    ),
    LINK_CUTS: (
        LinkCut(
            id="cut_1", account_id=ACCOUNT, target="listener", value="ab", minted_before=AT, created_at=AT,
            created_by="key_1", sealed_listener="\x01bGlz",
        ),
    ),
    SIGN_IN: (
        StoredSignIn(
            connection=SealedConnection(
                id="sic_1", account_id=ACCOUNT, name="main", revision=4, sealed_settings="\x01c2V0", changed_at=AT,
                changed_by="key_1",
            ),
            roles=(("role_1", RoleGrant(role="listener", agents=("ab", "cd"))), ("role_2", RoleGrant(role="admin"))),
        ),
    ),
    REQUESTS: (
        StoredRequest(
            request=Request(
                id="req_1", account_id=ACCOUNT, kind="erasure", regime="gdpr", state=RequestState.REVIEW,
                received_at=AT, created_at=AT, due_at=AT + timedelta(days=30), closed_at=None, repeat_of=None,
                revision=2, personal=None,
            ),
            reference_term=b"ref", sealed_personal=b"p", key_version=20, sealed_receipt=None,
            receipt_key_version=None, receipt_event=None, receipt_log_size=None, forget_at=None,
            terms=(b"\x01\x02",), restricts=("rec_1",),
        ),
    ),
    CALLBACK: StoredCallback(sealed="\x01Y2I=", set_at=AT, set_by="key_1"),
}  # fmt: skip
#: Parts that came after the golden files of the others.
NEWEST_PARTS: dict[AccountPart[Any], Any] = {
    STEP_UP: StepUp(required=True, version=2, changed_at=AT, changed_by="key_1"),
    CARD_DATA: CardDataPolicy(keyed_digits="propose", changed_at=AT, changed_by="key_1"),
    PROVISIONING: StoredProvisioning(
        setting=Provisioning(
            account_id=ACCOUNT, connection_id="idp_1", roles_from="group_names", revokes_links=True, revision=2,
            changed_at=AT, changed_by="key_1",
        ),
        users=(
            ProvisionedUser(
                id="pusr_1", account_id=ACCOUNT, revision=3, name_hash=b"n" * 32, external_hash=None,
                identity="idn_2", is_active=True, sealed_resource="\x01cmVz", created_at=AT, changed_at=AT,
            ),
        ),
        groups=(
            ProvisionedGroup(
                id="pgrp_1", account_id=ACCOUNT, revision=1, name_hash=b"g" * 32, external_hash=b"e" * 32,
                sealed_resource="\x01Z3Jw", created_at=AT, changed_at=AT, members=("pusr_1",),
            ),
        ),
    ),
    MEMBERS: (
        StoredMember(
            id="per_1", revision=3, sealed_profile="\x01cHJv", sealed_terms="\x01dGVy", user_handle=b"h" * 64,
            invited_at=AT, removed_at=None, identity="idn_1", makers=("key_1",),
            roles=(("role_3", RoleGrant(role="supervisor", agents=("ab",))),),
            passkeys=(
                Passkey(
                    id="pkey_1", account_id=ACCOUNT, person_id="per_1", credential_id=b"c" * 32, public_key=b"k",
                    sign_count=0, is_backed_up=False, sealed_name="\x01bmFt", created_at=AT, last_used_at=None,
                ),
            ),
        ),
    ),
    EVENT_ENDPOINTS: (
        StoredEndpoint(
            id="ep_1", account_id=ACCOUNT, types=("recording.available", "*"), sealed="\x01ZXA=", created_at=AT,
            changed_at=AT, changed_by="key_1", grace_until=AT + timedelta(hours=1), ordered=True,
        ),
    ),
    INTEGRATIONS: (
        StoredIntegration(
            id="int_1", account_id=ACCOUNT, system="hubspot", state="paused", sealed="\x01ZXA=", recipient_id="reg_1",
            created_at=AT, changed_at=AT, changed_by="key_1", set_up_at=AT, unauthorized_since=AT,
            policy=HandoverPolicy(matching="newest", connections=("conn_1",)),
        ),
    ),
}  # fmt: skip
KNOWN = having(EMPTY, FIRST_PARTS)
MONTH_KEY = WrappedMonthKey(id="2026-11-9f3a6c1e", number=1, wrapped=b"\x00month", key_version=2)
MONTHLY = having(KNOWN, {KEYS: replace(KNOWN[KEYS], month_keys=(MONTH_KEY,))})
#: Every part of LATER_PARTS has a value.
WHOLE = having(MONTHLY, LATER_PARTS)
(_CONNECTION,), (_SIGN_IN,) = WHOLE[CONNECTIONS], WHOLE[SIGN_IN]
_MAKERS = ("key_0", "key_1")
#: With what later releases added to its parts.
NEWEST = having(
    WHOLE,
    {
        CONNECTIONS: (replace(_CONNECTION, changed_by="key_1", makers=_MAKERS),),
        SIGN_IN: (replace(_SIGN_IN, connection=replace(_SIGN_IN.connection, makers=_MAKERS)),),
    },
)
#: Every part has a value.
EVERY = having(NEWEST, NEWEST_PARTS)
