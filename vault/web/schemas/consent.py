"""The JSON of consent policies and objections."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.consent import consent_event as nouns
from vault.domain.rules.rules import Consent, RuleOverride
from vault.services.consent.objections import ObjectionView
from vault.web.schemas.base import Body, Flag, MomentOut, Text


class AnswerKeysOut(BaseModel):
    """Which key of a telephone gives which answer."""

    accept: str
    decline: str
    #: Declines, and puts the number on the list of objections.
    object: str | None


class AnswerKeysIn(Body):
    """Which key of a telephone gives which answer, all of them."""

    accept: str
    decline: str
    #: Declines, and puts the number on the list of objections.
    object: str | None


class AnswerKeysPatchIn(Body):
    """Keys of a telephone to change. What is left out stays as it is."""

    accept: str = "1"
    decline: str = "9"
    #: Declines, and puts the number on the list of objections.
    object: str | None = None


class OverrideIn(Body):
    """An account's own word on a place. What is left out stays as the rule book has it."""

    #: A place of the rule book, or ``*`` for places that nobody knows.
    place: Annotated[str, Field(max_length=8)]
    consent: Consent | None = None
    notice_in_recording: Flag | None = None
    capture_before_consent: Flag | None = None
    tone_accepted: Flag | None = None
    refusal_route: Flag | None = None
    reason: Text


class OverrideOut(OverrideIn):
    """An override, with who said so and when."""

    author: str
    at: MomentOut


class _PolicyFields(Body):
    """A policy, or a part of one, in the vault's own words."""

    def merged(self, before: nouns.ConsentPolicy, *, author: str, at: datetime) -> nouns.ConsentPolicy:
        """Return the policy with the fields that were sent; the others stay as they were before."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if "keys" in sent:
            sent["keys"] = replace(before.keys, **sent["keys"].model_dump(exclude_unset=True))
        if "overrides" in sent:
            sent["overrides"] = tuple(
                RuleOverride(**one.model_dump(), author=author, at=at) for one in sent["overrides"]
            )
        return replace(before, **sent)


class PolicyIn(_PolicyFields):
    """What an account decides about consent, whole: a field that is missing is an error, and no default."""

    missing_evidence: nouns.MissingEvidence
    reason: Text | None
    withdrawal: nouns.Withdrawal
    mode: nouns.Mode
    #: Where the account's own side is, if neither the platform nor a number tells.
    home_place: Annotated[str, Field(max_length=8)] | None
    quarantine_days: Annotated[int, Field(ge=1, le=365)]
    keys: AnswerKeysIn
    overrides: Annotated[list[OverrideIn], Field(max_length=400)]


class PolicyPatchIn(_PolicyFields):
    """What shall change. What is left out stays as it is; a list of overrides replaces the one before."""

    missing_evidence: nouns.MissingEvidence = "quarantine"
    reason: Text | None = None
    withdrawal: nouns.Withdrawal = "restrict"
    mode: nouns.Mode = "none"
    #: Where the account's own side is, if neither the platform nor a number tells.
    home_place: Annotated[str, Field(max_length=8)] | None = None
    quarantine_days: Annotated[int, Field(ge=1, le=365)] = 30
    keys: AnswerKeysPatchIn = AnswerKeysPatchIn()
    overrides: Annotated[list[OverrideIn], Field(max_length=400, default_factory=list)]


class PolicyOut(BaseModel):
    """A consent policy as it stands, or stood."""

    version: int
    missing_evidence: nouns.MissingEvidence
    reason: str | None
    withdrawal: nouns.Withdrawal
    mode: nouns.Mode
    home_place: str | None
    quarantine_days: int
    keys: AnswerKeysOut
    overrides: list[OverrideOut]
    changed_at: MomentOut | None = None
    changed_by: str | None = None

    @classmethod
    def of(cls, policy: nouns.ConsentPolicy) -> "PolicyOut":
        """Show a policy."""
        same = set(cls.model_fields) - {"keys", "overrides"}
        keys = {name: getattr(policy.keys, name) for name in AnswerKeysOut.model_fields}
        return cls(
            **{name: getattr(policy, name) for name in same},
            keys=AnswerKeysOut(**keys),
            overrides=[
                OverrideOut(**{name: getattr(one, name) for name in OverrideOut.model_fields})
                for one in policy.overrides
            ],
        )


class PoliciesOut(BaseModel):
    """Every version that was set, oldest first."""

    items: list[PolicyOut]
    next_cursor: str | None = None


class ObjectionIn(Body):
    """Why a number is not recorded."""

    reason: Text | None = None


class ObjectionOut(BaseModel):
    """A number that must not be recorded."""

    id: str
    number: str | None = Field(
        description="In E.164. Null if the key that encrypted it was destroyed; the objection still holds."
    )
    since: MomentOut
    until: MomentOut | None = None
    reason: str | None = None
    by: str
    ended_by: str | None = None

    @classmethod
    def of(cls, one: ObjectionView) -> "ObjectionOut":
        """Show an objection."""
        same = ("since", "until", "reason", "by", "ended_by")
        return cls(id=one.id, number=one.number, **{name: getattr(one.objection, name) for name in same})


class ObjectionsOut(BaseModel):
    """Objections."""

    items: list[ObjectionOut]
    next_cursor: str | None = None
