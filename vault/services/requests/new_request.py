"""What a client reports of a request, and the request that it becomes."""

from dataclasses import dataclass
from datetime import datetime

from vault.domain.ids import new_id
from vault.domain.requests.deadline import check_received, deadline
from vault.domain.requests.request import (
    Kind,
    PersonalData,
    Regime,
    Request,
    RequestState,
    Verification,
    check_wish,
)
from vault.errors import Invalid
from vault.services.requests.sealed_requests import personal_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """What a client reports of a request."""

    kind: Kind
    regime: Regime
    received_at: datetime
    personal: PersonalData


def check_new(new: NewRequest, *, now: datetime) -> None:
    """Raise Invalid for times that cannot be, and without the words that the kind needs."""
    check_received(new.regime, new.received_at, now=now)
    check_verification(new.personal.verification, new.received_at, now=now, field="verification.at")
    check_wish(new.kind, new.personal)


def check_verification(
    verification: Verification | None, received_at: datetime, *, now: datetime, field: str
) -> None:
    """Raise Invalid unless who asks was verified between the receipt and now. ``field``: the name of its time."""
    if verification is not None and not received_at <= verification.at <= now:
        raise Invalid(f"{field} must be between received_at and now.", field=field)


def received(account_id: str, new: NewRequest, *, now: datetime) -> Request:
    """Return a new request of an account."""
    verified = new.personal.verification is not None
    return Request(
        id=new_id("req"),
        account_id=account_id,
        kind=new.kind,
        regime=new.regime,
        state=RequestState.REVIEW if verified else RequestState.AWAITING_IDENTITY,
        received_at=new.received_at,
        created_at=now,
        due_at=deadline(new.regime, new.received_at, new.personal, now=now).due_at,
        closed_at=None,
        repeat_of=None,
        revision=1,
        personal=new.personal,
    )


def is_same(known: Request, new: NewRequest) -> bool:
    """Return whether a repeated POST reports the open request."""
    personal = personal_of(known)
    same = all(
        getattr(personal, name) == getattr(new.personal, name)
        for name in ("reference", "identities", "channel", "period", "wish")
    )
    return same and (known.kind, known.regime, known.received_at) == (new.kind, new.regime, new.received_at)
