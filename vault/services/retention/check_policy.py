"""Refuse a retention policy that says nothing, or contradicts itself, and name the field."""

import re
from datetime import timedelta
from typing import Final

from vault.domain.retention.period import parse_zone
from vault.domain.retention.policy import (
    MAX_CLASSES,
    MAX_WAITING,
    RetentionClass,
    RetentionPolicy,
    all_conflicts,
)
from vault.errors import Invalid
from vault.sentence import Sentence

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MIN_WAITING: Final = timedelta(days=1)


def check(policy: RetentionPolicy) -> None:
    """Raise Invalid for a policy with invalid or contradictory values; conflicts of periods are another matter."""
    parse_zone(policy.time_zone)
    if not _MIN_WAITING <= policy.waiting <= MAX_WAITING:
        text = Sentence("waiting_days must be between 1 and %(number)s.", number=MAX_WAITING.days)
        raise Invalid(text, field="waiting_days")
    if len(policy.classes) > MAX_CLASSES:
        text = Sentence("A policy has at most %(number)s classes.", number=MAX_CLASSES)
        raise Invalid(text, field="classes")
    names = [kept.name for kept in policy.classes]
    if len(set(names)) != len(names):
        raise Invalid("classes must have different names.", field="classes")
    for place, kept in enumerate(policy.classes):
        _check_class(kept, f"classes.{place}")
    pairs = {(pair.minimum_of, pair.maximum_of) for pair in all_conflicts(policy)}
    for place, decision in enumerate(policy.decisions):
        field, named = f"decisions.{place}", (decision.minimum_of, decision.maximum_of)
        if not set(names).issuperset(named):
            raise Invalid("A decision names a class that the policy does not have.", field=field)
        if named not in pairs:
            raise Invalid("These classes do not conflict, so there is nothing to decide.", field=field)
        if not decision.reason.strip():
            raise Invalid("A decision needs a reason.", field=f"{field}.reason")


def _check_class(kept: RetentionClass, field: str) -> None:
    if not _NAME.fullmatch(kept.name):
        text = "A class must have a name of up to 64 lower-case letters, digits, - and _, such as quality."
        raise Invalid(text, field=f"{field}.class")
    if not kept.purpose.strip():
        raise Invalid("This class must say what its recordings are kept for.", field=f"{field}.purpose")
    if kept.period is None and kept.minimum is None and kept.maximum is None:
        text = "This class must have a period, a minimum or a maximum."
        raise Invalid(text, field=f"{field}.period")
    if kept.starts == "contact_ended" and kept.maximum is None:
        # What must leave would never leave, and nobody would notice.
        text = (
            "This class must have a maximum: until POST contact-ends says that a contact has ended, its "
            "period does not begin."
        )
        raise Invalid(text, field=f"{field}.maximum")
    if (kept.minimum is None) != (kept.minimum_ground is None):
        text = (
            "This class must have minimum and minimum_ground together. Only legal_obligation stops an "
            "erasure that a person asks for; for any other reason it is business."
        )
        raise Invalid(text, field=f"{field}.minimum_ground")
    if kept.minimum_ground == "legal_obligation" and not (kept.statute or "").strip():
        text = "This class must name the statute that obliges to keep."
        raise Invalid(text, field=f"{field}.statute")
