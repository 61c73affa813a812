"""What moves the clock of a request: the verification, pauses and the extension, and when each is refused.

Where a deadline has passed, a later verification than the first one, and a pause, do not move it. The first
verification does under the regime uk, because the period begins with it.
"""

from dataclasses import replace
from datetime import datetime

from vault.domain.requests.deadline import check_extension, deadline
from vault.domain.requests.request import Extension, Pause, PauseReason, PersonalData, Request, Verification
from vault.errors import Refused


def verified(personal: PersonalData, verification: Verification) -> PersonalData:
    """Return the data with the verification, and unchanged for one that is known.

    An earlier one corrects the known one. Raises Refused ``verified`` for a later one: the period of the UK begins
    with it.
    """
    known = personal.verification
    if known is not None and verification.at > known.at:
        text = "The person was verified before that: only an earlier time can correct it."
        raise Refused(text, reasons=("verified",))
    if known is not None and (known.method, known.at) == (verification.method, verification.at):
        return personal
    return replace(personal, verification=verification)


def paused(request: Request, personal: PersonalData, reason: PauseReason, *, now: datetime) -> PersonalData:
    """Return the data with a pause from now on. Raises Refused ``paused``, ``verified`` or ``overdue``."""
    if personal.waiting is not None:
        raise Refused("The request is paused already.", reasons=("paused",))
    if reason == "identity" and personal.verification is not None:
        raise Refused("The person is verified: nothing is waited for.", reasons=("verified",))
    due = deadline(request.regime, request.received_at, personal, now=now).due_at
    if request.regime == "uk" and due is not None and now >= due:
        raise Refused("The deadline has passed: a pause no longer moves it.", reasons=("overdue",))
    return replace(personal, pauses=(*personal.pauses, Pause(reason=reason, since=now)))


def resumed(personal: PersonalData, *, now: datetime) -> PersonalData:
    """Return the data with the end of its pause. Raises Refused ``not_paused``."""
    waiting = personal.waiting
    if waiting is None:
        raise Refused("The request is not paused.", reasons=("not_paused",))
    return replace(personal, pauses=(*personal.pauses[:-1], replace(waiting, until=now)))


def extended(
    request: Request, personal: PersonalData, extension: Extension, *, now: datetime
) -> PersonalData:
    """Return the data with a later deadline. Raises Invalid, Refused ``too_late`` or ``extended``."""
    if personal.extension is not None:
        text = "The deadline was extended already: it can be extended once."
        raise Refused(text, reasons=("extended",))
    check_extension(request.regime, request.received_at, personal, extension, now=now)
    return replace(personal, extension=extension)
