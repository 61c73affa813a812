"""Judge whether a recording is kept, due, or waits for its erasure: the precedence of holds, minima and requests.

The order: a hold, a ground that two persons gave, a legal minimum, a person's wish, a business minimum, a deletion, the
end of the period.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from vault.domain.retention.hold import Hold
from vault.domain.retention.policy import AtEnd
from vault.domain.retention.terms import Bound, BoundKind, RetentionTerms, is_after

#: Who wants the recording erased. A person's wish passes over a business minimum, a plain deletion does not.
#: ``ground``: two persons, on a ground that passes over every minimum.
Wish = Literal["deletion", "withdrawal", "request", "retention", "ground"]
#: The grounds: nobody was allowed to make the recording, so the law that keeps recordings does not mean it; or it has
#: the code of a payment card, which may not be stored after authorization (PCI DSS 3.3.1).
Ground = Literal["unlawful_recording", "sad_found"]
GROUNDS: Final[tuple[Ground, ...]] = get_args(Ground)
PERSONS: Final[frozenset[Wish]] = frozenset({"withdrawal", "request"})
Outcome = Literal["keep", "due", "pending_erasure", "conflict"]
#: Why a recording is still here.
ReasonCode = Literal[
    "held", "asked", "not_computed", "conflict", "minimum_legal", "minimum_business", "told_otherwise", "maximum",
    "period", "not_begun", "review", "no_policy", "no_class", "no_period",
]  # fmt: skip
_ORDER: Final[tuple[ReasonCode, ...]] = get_args(ReasonCode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason why a recording is still here, as data and in words."""

    code: ReasonCode
    text: str
    until: datetime | None = None
    #: The hold, or the class.
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The decision on a recording now, with its reason."""

    outcome: Outcome
    #: For ``keep``: until when; None: permanently, or until a missing time is reported.
    until: datetime | None = None
    at_end: AtEnd = "erase"
    #: The most important first.
    reasons: tuple[Reason, ...] = ()


def judge(terms: RetentionTerms, holds: Sequence[Hold], wish: Wish | None, now: datetime) -> Judgement:
    """Judge a recording by ``terms`` of the current policy and by the ``holds`` that cover it now.

    ``wish``: who wants it erased now; None asks what happens by itself.
    """
    person = wish in PERSONS
    reasons = (*map(_held, holds), *_reasons(terms, now))
    precedence: tuple[tuple[bool, Outcome, datetime | None], ...] = (
        (bool(holds), "pending_erasure" if person else "keep", None),
        (wish == "ground", "due", None),
        (is_after(terms.legal_until, now), "keep", terms.legal_until),
        (person, "due", None),
        (is_after(terms.minimum_until, now), "keep", terms.minimum_until),
        (wish == "deletion", "due", None),
        (terms.conflict, "conflict", None),
        (terms.act_at is None or terms.act_at > now, "keep", terms.act_at),
        (True, "due", None),
    )
    outcome, until = next((outcome, until) for applies, outcome, until in precedence if applies)
    at_end: AtEnd = terms.at_end if wish in {None, "retention"} else "erase"
    return Judgement(outcome=outcome, until=until, at_end=at_end, reasons=reasons)


def _held(hold: Hold) -> Reason:
    text = (
        "A hold covers it."
        if hold.free_at is None
        else "A released hold covers it until its grace has passed."
    )
    return Reason(code="held", text=text, until=hold.free_at, source=hold.id)


def _reasons(terms: RetentionTerms, now: datetime) -> tuple[Reason, ...]:
    """Return why the recording is still here apart from holds."""
    if terms.version == 0:
        return (
            Reason(
                code="no_policy", text="The account has no retention policy, so nothing is erased by time."
            ),
        )
    if terms.class_name is None:
        return (Reason(code="no_class", text="No class of the retention policy matches its call."),)
    reasons = [_of_bound(bound) for bound in terms.bounds if bound.until is None or bound.until > now]
    if terms.conflict:
        text = "A minimum ends after a maximum, and the policy has no decision for the pair."
        reasons.insert(0, Reason(code="conflict", text=text))
    if terms.at_end == "review" and not is_after(terms.act_at, now) and terms.act_at is not None:
        reasons.append(
            Reason(code="review", text="Its period has ended, and its class says that a person decides.")
        )
    if not reasons and terms.act_at is None:
        reasons.append(Reason(code="no_period", text="Its class has neither a period nor a maximum."))
    return tuple(sorted(reasons, key=lambda reason: _ORDER.index(reason.code)))


def _of_bound(bound: Bound) -> Reason:
    name, law = bound.class_name, f" ({bound.statute})" if bound.statute else ""
    if bound.until is None:
        text = f"The period {bound.period} of the class {name} has not begun."
        return Reason(code="not_begun", text=text, source=name)
    ends = f"ends on {bound.until:%Y-%m-%d %H:%M} UTC."
    if bound.kind == "minimum":
        code: ReasonCode = "minimum_legal" if bound.ground == "legal_obligation" else "minimum_business"
        return Reason(
            code=code, text=f"The minimum {bound.period} of the class {name}{law} {ends}", until=bound.until,
            source=name,
        )  # fmt: skip
    words = {
        "period": f"The period {bound.period} of the class {name}",
        "maximum": f"The maximum {bound.period} of the class {name}{law}",
        "told": f"The period {bound.period} that a notice told the caller",
    }
    codes: dict[BoundKind, ReasonCode] = {
        "period": "period",
        "maximum": "maximum",
        "told": "told_otherwise",
    }
    return Reason(code=codes[bound.kind], text=f"{words[bound.kind]} {ends}", until=bound.until, source=name)
