"""What does each act that can need an approval, once it is approved: the method that REST calls.

It stands above the subjects, because the services that do the acts ask for the approvals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from vault.domain.accounts.account import Scope
from vault.domain.approvals.rule import VERBS, Verb
from vault.domain.retention.policy import RetentionPolicy
from vault.domain.sign_in.invitation import MemberTerms
from vault.services.approvals.execute_approval import Act
from vault.services.approvals.rules import ApprovalRules
from vault.services.key_rotation.rotate_account_key import KeyRotations
from vault.services.recordings.calls import Calls
from vault.services.recordings.recordings import Recordings
from vault.services.requests.closures import Closures
from vault.services.requests.requests import Requests
from vault.services.requests.ruling_request import RulingRequest
from vault.services.retention.hold_release import HoldReleases
from vault.services.retention.retention_policy import RetentionSettings
from vault.services.shared.approval_gate import Approved
from vault.services.sign_in.invitations import Invitations
from vault.services.sign_in.invited_people import ChangeTerms, InvitedPeople
from vault.services.sign_in.sign_in_connections import ConnectionChange, SignInConnections


class Bodies(Protocol):
    """Reads bodies as REST was sent them: what reads them there reads them here."""

    def decision(self, body: Mapping[str, Any], /) -> RulingRequest:
        """Read the decision on a request."""

    def retention_policy(self, body: Mapping[str, Any], /) -> RetentionPolicy:
        """Read a retention policy."""

    def sign_in_connection(self, body: Mapping[str, Any], /) -> ConnectionChange:
        """Read a sign-in connection."""

    def invitation(self, body: Mapping[str, Any], /) -> MemberTerms:
        """Read a person to invite."""

    def member_change(self, body: Mapping[str, Any], /) -> ChangeTerms:
        """Read a change of an invited person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedActs:
    """The services whose methods do what is approved."""

    bodies: Bodies
    recordings: Recordings
    calls: Calls
    requests: Requests
    closures: Closures
    retention: RetentionSettings
    key_rotation: KeyRotations
    hold_releases: HoldReleases
    approval_rules: ApprovalRules
    sign_in_connections: SignInConnections
    invited_people: InvitedPeople
    invitations: Invitations

    def by_verb(self) -> Mapping[Verb, Act]:
        """Return what does each act. Raises LookupError for a verb without one: a fault of this release."""
        acts = {**self._erasures(), **self._settings(), **self._people()}
        if missing := [verb for verb in VERBS if verb not in acts]:
            raise LookupError(f"Nothing does this act once it is approved: {', '.join(missing)}.")
        return acts

    def _erasures(self) -> Mapping[Verb, Act]:
        """Return what does the acts on recordings and on the data of people."""
        return {
            "recording_erasure": self._erase,
            "erasure_within_minimum": self._erase,
            "call_erasure": lambda by, sent: self.calls.erase(
                by.account_id, sent["call"], actor=by.actor, approved=by
            ),
            "request_erasure": self._decide,
            "request_export": self._decide,
            "account_closure": lambda by, sent: self.closures.ask(
                by.account_id, reason=sent["reason"], export=sent["export"], actor=by.actor, approved=by
            ),
            "hold_release": lambda by, sent: self.hold_releases.release(
                by.account_id, sent["hold"], approved=by
            ),
            "retention_cap": lambda by, _: self.hold_releases.lift_cap(by.account_id, approved=by),
        }

    def _settings(self) -> Mapping[Verb, Act]:
        """Return what does the acts that change a setting."""
        return {
            "retention_policy": lambda by, sent: self.retention.set(
                by.account_id,
                self.bodies.retention_policy(sent["policy"]),
                if_version=None,
                digest=None,
                actor=by.actor,
                approved=by,
            ),
            "own_key": lambda by, sent: self.key_rotation.use_key(
                by.account_id, sent["key"], actor=by.actor, approved=by
            ),
            "approval_rule": lambda by, sent: self.approval_rules.set(
                by.account_id, enabled=sent["enabled"], verbs=sent["verbs"], actor=by.actor, approved=by
            ),
        }

    def _people(self) -> Mapping[Verb, Act]:
        """Return what does the acts on who may sign in."""
        return {
            "sign_in_connection": lambda by, sent: self.sign_in_connections.set(
                by.account_id,
                sent["name"],
                replace(self.bodies.sign_in_connection(sent["connection"]), id=sent.get("id")),
                sealed_secret=sent["sealed_secret"],
                actor=by.actor,
                approved=by,
            ),
            "member_invitation": lambda by, sent: self.invited_people.invite(
                by.account_id,
                self.bodies.invitation(sent["member"]),
                mail_language=sent["member"].get("mail_language"),
                actor=by.actor,
                approved=by,
            ),
            "member_roles": lambda by, sent: self.invited_people.change(
                by.account_id,
                by.approval.subject,
                self.bodies.member_change(sent["change"]),
                may_give=_asked_in_the_act,
                actor=by.actor,
                approved=by,
            ),
            "member_recovery": lambda by, sent: self.invitations.allow(
                by.account_id, by.approval.subject, mail_language=sent.get("mail_language"), approved=by
            ),
        }

    async def _erase(self, by: Approved, sent: Mapping[str, Any]) -> None:
        # The worker asks without arguments.
        recording = sent.get("recording", by.approval.subject)
        await self.recordings.erase(
            by.account_id, recording, ground=sent.get("ground"), actor=by.actor, approved=by
        )

    async def _decide(self, by: Approved, sent: Mapping[str, Any]) -> None:
        ruling = self.bodies.decision(sent["decision"])
        await self.requests.decide(by.account_id, sent["request"], ruling, actor=by.actor, approved=by)


def _asked_in_the_act(_: frozenset[Scope]) -> None:
    """Let the transaction of the act ask what its requester may give."""
