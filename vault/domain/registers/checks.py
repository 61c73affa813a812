"""Checks of the entries of registers that need more than one field. Each raises Invalid, naming the field."""

import re
from collections.abc import Mapping
from datetime import datetime

from vault.domain.registers.entries import AuthorityRequest, ProcessingProfile, Recipient
from vault.errors import Invalid

_COUNTRY = re.compile("[A-Z]{2}")
PART = re.compile(r"object_store|root_key|database|connection/[A-Za-z0-9_.-]{1,64}")
#: Longest chain of sub-processors.
MAX_CHAIN = 16
#: Recipients of an account, those that have ended included: the privacy page, which anybody can open, reads all.
MAX_RECIPIENTS = 1000


def check_profile(profile: ProcessingProfile) -> None:
    """Refuse to publish a privacy page without the elements that GDPR art. 13 requires."""
    if not profile.published:
        return
    for field in ("controller", "purposes", "requests_to"):
        if not getattr(profile, field):
            raise Invalid(f"published needs {field}: callers must be told (GDPR art. 13).", field=field)


def check_recipient(recipient: Recipient) -> None:
    """Refuse an unknown form of country or part, and dates out of order."""
    _check_country(recipient.country)
    for part in recipient.covers:
        if not PART.fullmatch(part):
            raise Invalid(
                "covers must have only object_store, root_key, database or connection/<name>.", field="covers"
            )
    if recipient.until is not None and recipient.until < recipient.since:
        raise Invalid("until must not be before since.", field="until")
    contract = recipient.contract
    if contract.signed_on and contract.ends_on and contract.ends_on < contract.signed_on:
        raise Invalid("ends_on must not be before signed_on.", field="contract.ends_on")
    if contract.status == "signed" and contract.signed_on is None:
        raise Invalid(
            "signed_on is required: say on which day the contract was signed.", field="contract.signed_on"
        )


def check_chain(entry_id: str | None, parent: str | None, parents: Mapping[str, str | None]) -> None:
    """Refuse a parent that is unknown, or whose own chain leads back to the entry.

    ``parents`` has the parent of every recipient of the account; ``entry_id`` is None for a new recipient.
    """
    for _ in range(MAX_CHAIN + 1):
        if parent is None:
            return
        if parent not in parents:
            raise Invalid("parent must be the id of a recipient of this account.", field="parent")
        if parent == entry_id:
            raise Invalid("parent must not lead back to the recipient itself.", field="parent")
        parent = parents[parent]
    raise Invalid(f"A chain of sub-processors must not be longer than {MAX_CHAIN}.", field="parent")


def check_new_authority_request(request: AuthorityRequest, *, now: datetime) -> None:
    """Refuse also what only a new request can have wrong: no authority, or a receipt in the future."""
    if not request.authority.strip():
        raise Invalid("authority must not be empty.", field="authority")
    if request.received_at > now:
        raise Invalid("received_at must not be in the future.", field="received_at")
    check_authority_request(request)


def check_authority_request(request: AuthorityRequest) -> None:
    """Refuse a decision without reviewer or time, and words that contradict each other."""
    _check_country(request.country)
    if request.kind == "preservation" and not request.numbers:
        raise Invalid(
            "A request for preservation needs the numbers whose recordings are kept.", field="numbers"
        )
    if request.period_from and request.period_to and request.period_to < request.period_from:
        raise Invalid("period_to must not be before period_from.", field="period_to")
    if request.decision is None:
        for field in ("recordings", "leaves", "handover"):
            if getattr(request, field):
                raise Invalid(f"{field} needs a decision.", field=field)
    elif not request.reviewer:
        raise Invalid("A decision needs its reviewer.", field="reviewer")
    if request.decision in {"refused", "nothing_found"} and request.recordings:
        raise Invalid("recordings must be empty where nothing was given.", field="recordings")
    _check_telling(request)


def _check_telling(request: AuthorityRequest) -> None:
    if request.told_at is not None:
        if request.not_told_reason:
            raise Invalid("Send told_at or not_told_reason, not both.", field="not_told_reason")
        if request.secret_until is not None and request.told_at < request.secret_until:
            raise Invalid("told_at must not be before secret_until.", field="told_at")


def _check_country(country: str) -> None:
    if not _COUNTRY.fullmatch(country):
        raise Invalid(
            "country must be an ISO 3166-1 code of two capital letters, such as FR.", field="country"
        )
