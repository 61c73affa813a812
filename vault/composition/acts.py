"""The method that does each act that can need an approval, once it is approved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vault.domain.approvals.rule import Verb
from vault.services.approvals.execute import Act
from vault.services.approvals.rules import ApprovalRules
from vault.services.key_rotation.rotate_account_key import KeyRotations
from vault.services.recordings.calls import Calls
from vault.services.recordings.recordings import Recordings
from vault.services.requests.closures import Closures
from vault.services.requests.requests import Requests
from vault.services.retention.hold_release import HoldReleases
from vault.services.retention.retention_policy import RetentionSettings
from vault.services.shared.approval_gate import Approved
from vault.services.sign_in.sign_in_connections import SignInConnections


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
        from vault.web.schemas.requests.requests import DecisionIn

        approval = approved.approval
        await self.requests.decide(
            approval.account_id,
            arguments["request"],
            DecisionIn.model_validate(arguments["decision"]).ruling(),
            actor=approval.asked_by,
            approved=approved,
        )

    async def _retention_policy(self, approved: Approved, arguments: Mapping[str, Any]) -> None:
        from vault.web.schemas.retention.retention import RetentionPolicyIn

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
