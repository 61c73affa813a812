"""JSON schemas of consent policies and objections."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.consent import consent_event as nouns
from vault.domain.legal_rules.rule import Consent, RuleOverride
from vault.services.consent.objections import ObjectionView
from vault.web.schemas.base import Body, Flag, MomentOut, Text, patch


class AnswerKeysOut(BaseModel):
    """The telephone key for each answer."""

    accept: str
    decline: str
    #: Declines, and enters an objection for the number.
    object: str | None


class AnswerKeysIn(Body):
    """The telephone key for each answer; every field is required."""

    accept: str
    decline: str
    #: Declines, and enters an objection for the number.
    object: str | None


@patch(accept="1", decline="9", object=None)
class AnswerKeysPatchIn(AnswerKeysIn):
    """Telephone keys to change. Fields that are not sent stay unchanged."""


class OverrideIn(Body):
    """An account's override of a place's rule. Fields that are not sent keep the rule book's value."""

    #: A place of the rule book, or ``*`` for unknown places.
    place: Annotated[str, Field(max_length=8)]
    consent: Consent | None = None
    notice_in_recording: Flag | None = None
    capture_before_consent: Flag | None = None
    tone_accepted: Flag | None = None
    refusal_route: Flag | None = None
    reason: Text


class OverrideOut(OverrideIn):
    """An override, with its author and time."""

    author: str
    at: MomentOut


class _PolicyFields(Body):
    """A consent policy or a part of it."""

    missing_evidence: nouns.MissingEvidence
    reason: Text | None
    withdrawal: nouns.Withdrawal
    mode: nouns.Mode
    #: The place of the account's side, if neither the platform nor the number gives one.
    home_place: Annotated[str, Field(max_length=8)] | None
    quarantine_days: Annotated[int, Field(ge=1, le=365)]
    keys: AnswerKeysIn
    overrides: Annotated[list[OverrideIn], Field(max_length=400)]

    def merged(self, before: nouns.ConsentPolicy, *, author: str, at: datetime) -> nouns.ConsentPolicy:
        """Return the policy ``before`` with the sent fields replaced."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if "keys" in sent:
            sent["keys"] = replace(before.keys, **sent["keys"].model_dump(exclude_unset=True))
        if "overrides" in sent:
            sent["overrides"] = tuple(
                RuleOverride(**override.model_dump(), author=author, at=at) for override in sent["overrides"]
            )
        return replace(before, **sent)


class PolicyIn(_PolicyFields):
    """A whole consent policy; every field is required, there are no defaults."""


@patch(
    missing_evidence="quarantine",
    reason=None,
    withdrawal="restrict",
    mode="none",
    home_place=None,
    quarantine_days=30,
    overrides=[],
)
class PolicyPatchIn(_PolicyFields):
    """Policy fields to change. Fields that are not sent stay unchanged; `overrides` replaces the whole list."""

    keys: AnswerKeysPatchIn = AnswerKeysPatchIn.model_validate({})


class PolicyOut(BaseModel):
    """A version of the consent policy."""

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
                OverrideOut(**{name: getattr(override, name) for name in OverrideOut.model_fields})
                for override in policy.overrides
            ],
        )


class PoliciesOut(BaseModel):
    """A page of the versions of the consent policy, oldest first."""

    items: list[PolicyOut]
    next_cursor: str | None = None


class ObjectionIn(Body):
    """The reason for an objection."""

    reason: Text | None = None


class ObjectionOut(BaseModel):
    """An objection: a number that must not be recorded."""

    id: str
    number: str | None = Field(
        description="In E.164, or as a platform reported who pressed a key. Null if the key that encrypted it was "
        "destroyed; the objection still holds."
    )
    since: MomentOut
    until: MomentOut | None = None
    reason: str | None = None
    by: str
    ended_by: str | None = None

    @classmethod
    def of(cls, view: ObjectionView) -> "ObjectionOut":
        """Show an objection."""
        same = ("since", "until", "reason", "by", "ended_by")
        return cls(id=view.id, number=view.number, **{name: getattr(view.objection, name) for name in same})


class ObjectionsOut(BaseModel):
    """A page of objections."""

    items: list[ObjectionOut]
    next_cursor: str | None = None
