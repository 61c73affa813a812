"""Build the services of acts that can need an approval, and name the method that does each act once it is approved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vault.composition_parts import Adapters, Parts
from vault.composition_rights import Rights, build_rights
from vault.domain.approvals.rule import Verb
from vault.services.approvals.approvals import Approvals
from vault.services.approvals.execute import Act, ExecuteApproval, SettleApprovals
from vault.services.approvals.rules import ApprovalRules
from vault.services.key_rotation.rotate_account_key import KeyRotations
from vault.services.recordings.calls import Calls
from vault.services.recordings.recordings import Recordings
from vault.services.requests.closures import Closures
from vault.services.requests.requests import Requests
from vault.services.retention.hold_release import HoldReleases
from vault.services.retention.retention_policy import RetentionSettings
from vault.services.shared.actor_names import ActorNames
from vault.services.shared.approval_gate import Approved
from vault.services.shared.begin_rotation import BeginRotation
from vault.services.sign_in.sign_in_connections import SignInConnections
from vault.tracing import traced


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """The services whose methods do what is approved: the same methods as REST calls."""

    recordings: Recordings
    calls: Calls
    requests: Requests
    closures: Closures
    retention: RetentionSettings
    key_rotation: KeyRotations
    hold_releases: HoldReleases
    approval_rules: ApprovalRules
    sign_in_connections: SignInConnections

    def acts(self) -> Mapping[Verb, Act]:
        """Return by act what does it. Arguments are those that REST was sent."""
        return {
            "hold_release": self._hold_release,
            "retention_cap": self._retention_cap,
            "approval_rule": self._approval_rule,
            "recording_erasure": self._recording_erasure,
            "erasure_within_minimum": self._recording_erasure,
            "call_erasure": self._call_erasure,
            "request_erasure": self._request_decision,
            "request_export": self._request_decision,
            "retention_policy": self._retention_policy,
            "own_key": self._own_key,
            "account_closure": self._account_closure,
            "sign_in_connection": self._sign_in_connection,
        }

    async def _hold_release(self, approved: Approved, arguments: Mapping[str, Any]) -> None:
        account_id = approved.approval.account_id
        await self.hold_releases.release(account_id, arguments["hold"], approved=approved)

    async def _retention_cap(self, approved: Approved, _arguments: Mapping[str, Any]) -> None:
        await self.hold_releases.lift_cap(approved.approval.account_id, approved=approved)

    async def _approval_rule(self, approved: Approved, arguments: Mapping[str, Any]) -> None:
        approval = approved.approval
        await self.approval_rules.set(
            approval.account_id,
            enabled=arguments["enabled"],
            verbs=arguments["verbs"],
            actor=approval.asked_by,
            approved=approved,
        )

    async def _recording_erasure(self, approved: Approved, arguments: Mapping[str, Any]) -> None:
        approval = approved.approval
        await self.recordings.erase(
            approval.account_id,
            # The worker asks without arguments.
            arguments.get("recording", approval.subject),
            ground=arguments.get("ground"),
            actor=approval.asked_by,
            approved=approved,
        )

    async def _call_erasure(self, approved: Approved, arguments: Mapping[str, Any]) -> None:
        approval = approved.approval
        await self.calls.erase(
            approval.account_id, arguments["call"], actor=approval.asked_by, approved=approved
        )

    async def _request_decision(self, approved: Approved, arguments: Mapping[str, Any]) -> None:
        from vault.web.schemas.requests import DecisionIn

        approval = approved.approval
        await self.requests.decide(
            approval.account_id,
            arguments["request"],
            DecisionIn.model_validate(arguments["decision"]).ruling(),
            actor=approval.asked_by,
            approved=approved,
        )

    async def _retention_policy(self, approved: Approved, arguments: Mapping[str, Any]) -> None:
        from vault.web.schemas.retention import RetentionPolicyIn

        approval = approved.approval
        await self.retention.set(
            approval.account_id,
            RetentionPolicyIn.model_validate(arguments["policy"]).wanted(),
            if_version=None,
            digest=None,
            actor=approval.asked_by,
            approved=approved,
        )

    async def _own_key(self, approved: Approved, arguments: Mapping[str, Any]) -> None:
        approval = approved.approval
        await self.key_rotation.use_key(
            approval.account_id, arguments["key"], actor=approval.asked_by, approved=approved
        )

    async def _account_closure(self, approved: Approved, arguments: Mapping[str, Any]) -> None:
        approval = approved.approval
        await self.closures.ask(
            approval.account_id,
            reason=arguments["reason"],
            export=arguments["export"],
            actor=approval.asked_by,
            approved=approved,
        )

    async def _sign_in_connection(self, approved: Approved, arguments: Mapping[str, Any]) -> None:
        from vault.web.schemas.sign_in import SignInConnectionIn

        approval = approved.approval
        await self.sign_in_connections.set(
            approval.account_id,
            arguments["name"],
            SignInConnectionIn.model_validate(arguments["connection"]).change(),
            sealed_secret=arguments["sealed_secret"],
            actor=approval.asked_by,
            approved=approved,
        )


class Gated(Rights):
    """The services of acts that can need an approval, and those of approvals, by their names in ``Vault``."""

    recordings: Recordings
    calls: Calls
    key_rotation: KeyRotations
    approvals: Approvals
    approval_rules: ApprovalRules
    sign_in_connections: SignInConnections


def build_gated(adapters: Adapters, parts: Parts) -> tuple[Gated, SettleApprovals]:
    """Build the services, and the job that carries out what was left."""
    rights, rules = build_rights(adapters, parts), traced(ApprovalRules)(database=parts.database)
    recordings, calls = _recordings(adapters, parts), _calls(adapters, parts)
    key_rotation, sign_in = _key_rotation(adapters, parts), _sign_in_connections(adapters, parts)
    acting = Acting(
        recordings=recordings,
        calls=calls,
        requests=rights["requests"],
        closures=rights["closures"],
        retention=rights["retention"],
        key_rotation=key_rotation,
        hold_releases=rights["hold_releases"],
        approval_rules=rules,
        sign_in_connections=sign_in,
    )
    execute = ExecuteApproval(database=parts.database, ask=parts.ask_approval, acts=acting.acts())
    approvals = traced(Approvals)(
        database=parts.database,
        asking=parts.ask_approval,
        execute=execute,
        identify_people=parts.identify_people,
        actor_names=ActorNames(database=parts.database, data_keys=parts.people_keys),
    )
    gated: Gated = {
        **rights,
        "recordings": recordings,
        "calls": calls,
        "key_rotation": key_rotation,
        "approvals": approvals,
        "approval_rules": rules,
        "sign_in_connections": sign_in,
    }
    return gated, traced(SettleApprovals)(database=parts.database, execute=execute)


def _calls(adapters: Adapters, parts: Parts) -> Calls:
    return traced(Calls)(
        call_start=parts.call_start,
        database=parts.database,
        admission=parts.admission,
        chain=parts.chain,
        clock=adapters.clock,
    )


def _recordings(adapters: Adapters, parts: Parts) -> Recordings:
    return traced(Recordings)(
        database=parts.database,
        ring=adapters.ring,
        admission=parts.admission,
        restriction=parts.restriction,
        clock=adapters.clock,
    )


def _key_rotation(adapters: Adapters, parts: Parts) -> KeyRotations:
    return traced(KeyRotations)(
        database=parts.database,
        ring=adapters.ring,
        signer=adapters.signer,
        anchor=parts.anchor,
        begin_rotation=BeginRotation(database=parts.database, ring=adapters.ring),
    )


def _sign_in_connections(adapters: Adapters, parts: Parts) -> SignInConnections:
    return traced(SignInConnections)(
        database=parts.database,
        data_keys=parts.people_keys,
        opened=parts.opened_connections,
        clock=adapters.clock,
    )
