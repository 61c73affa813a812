"""The statement of a receipt: what was done with everything that a request concerns, what was checked, what stays."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from vault.domain.requests.decision import GROUNDS, read_code
from vault.domain.requests.request import Request, Verdict
from vault.rfc3339 import write_rfc3339

ProviderCopy = Literal["deleted", "not_deletable", "none", "not_asked"]
#: What an erasure leaves, with the reason of each.
STAYS: Final[Mapping[str, str]] = {
    "tombstone": "the recording's id, times and platform references, so that a repeated delivery is not stored again",
    "access_events": "the entries of the access log, which hold ids and codes, and names sealed under the account key",
    "consent_refusals": "refusals of consent, sealed: they also apply to recordings of the call that arrive later",
    "objections": "entries of the list of numbers that must not be recorded, sealed, because the person asked for them",
    "request": "this request and this receipt, sealed, until the retention of requests ends",
    "database_backups": "backups of the database that the operator made; they hold no key that opens the audio "
    "without the keys of the account",
}
_LOCKED_OBJECTS: Final = (
    "the versions that recordings.object_versions counts as left: encrypted audio whose key is deleted, and which the "
    "object store keeps under a lock until locked_until because the law required that; the vault deletes them then"
)
#: What the vault cannot know.
NOT_KNOWN: Final = (
    "copies that the platform, a listener or another recipient made outside the vault",
    "deleted blocks on storage media, which hold encrypted data without its key",
)
_METHOD: Final = (
    "The key of each recording, 256 bits and unique to it, was deleted with every wrapped copy of it: in the database "
    "row and in every version of the manifest. The audio was never stored in clear. Then every version of every object "
    "was deleted, but for those that stay under a lock."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafName:
    """A leaf of the log that shows a part of what was done."""

    type: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverOutcome:
    """What became of what was handed over of a recording to another system."""

    integration_id: str
    system: str
    #: ``told``: it confirmed that it was told to remove it, and the vault cannot look. ``waiting``: the system has not
    #: confirmed it yet; the vault goes on asking. ``left``: the account has ended the integration without a removal.
    outcome: Literal["removed", "told", "waiting", "left"]
    #: What the system keeps, as codes.
    residue: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOutcome:
    """The outcome for one recording."""

    id: str
    verdict: Verdict
    header_sha256: str | None = None
    #: Versions of its objects when its erasure began, and those that a listing still showed afterwards.
    versions_before: int | None = None
    versions_left: int | None = None
    #: Until when the object store keeps versions under a lock, without a key that opens them.
    locked_until: datetime | None = None
    provider_copy: ProviderCopy
    handovers: Sequence[HandoverOutcome] = ()
    leaves: Sequence[LeafName] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """How many calls without a recording had one verdict."""

    code: str
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The check after an erasure."""

    at: datetime
    release: str


def statement(
    request: Request,
    *,
    log: str,
    salt: bytes,
    recordings: Sequence[RecordingOutcome],
    calls: Sequence[CallOutcome],
    checked: Checked,
) -> dict[str, Any]:
    """Return the statement of a closed request, whose canonical JSON is digested.

    ``salt`` is only in the receipt: its bearer can show that a number is theirs; the log alone shows no number.
    """
    numbers = () if request.personal is None else request.personal.numbers
    is_erased = any(outcome.verdict.code == "erased" for outcome in recordings) or any(
        outcome.code == "erased" for outcome in calls
    )
    return {
        **_about(request, log, checked),
        "regime": request.regime,
        "subject": {
            "salt": salt.hex(),
            "commitments": sorted(commitment(salt, number) for number in numbers),
        },
        "recordings": [_recording(outcome) for outcome in recordings],
        "calls": {outcome.code: outcome.calls for outcome in calls},
        "method": _METHOD if is_erased else None,
        "recipients_informed": _informed(request),
        "stays": _stays(recordings, is_erased=is_erased),
        "search_does_not_cover": "see not_searchable of the request",
    }


def closure_statement(
    request: Request,
    *,
    log: str,
    recordings: int,
    key_versions: Sequence[int],
    is_exported: bool,
    checked: Checked,
) -> dict[str, Any]:
    """Return the statement of a closed account. It counts, and names no recording: there may be millions."""
    return {
        **_about(request, log, checked),
        "recordings": [],
        "recordings_erased": recordings,
        "recordings_left": 0,
        "calls_left": 0,
        "exported": is_exported,
        "key_versions_destroyed": list(key_versions),
        "method": _METHOD,
        "stays": dict(STAYS),
    }


def _about(request: Request, log: str, checked: Checked) -> dict[str, Any]:
    """Return what every statement says, of a request and of a closure."""
    return {
        "v": 1,
        "log": log,
        "account": request.account_id,
        "request": request.id,
        "kind": request.kind,
        "received_at": write_rfc3339(request.received_at),
        "answered_at": write_rfc3339(checked.at),
        "outcome": str(request.state),
        "checked": {"at": write_rfc3339(checked.at), "release": checked.release},
        "not_known": list(NOT_KNOWN),
    }


def commitment(salt: bytes, number: str) -> str:
    """Return SHA-256(salt || number in E.164), in hexadecimal."""
    return hashlib.sha256(salt + number.encode()).hexdigest()


def _informed(request: Request) -> list[dict[str, str]]:
    """Return whom the account informed (GDPR art. 19); what was asked of the platform is in ``provider_copy``."""
    ruling = None if request.personal is None else request.personal.ruling
    return [
        {"id": one.recipient, "name": one.name, "at": write_rfc3339(one.at)}
        for one in (() if ruling is None else ruling.informed)
    ]


def _stays(recordings: Sequence[RecordingOutcome], *, is_erased: bool) -> dict[str, str]:
    stays = {"request": STAYS["request"]} if not is_erased else dict(STAYS)
    if any(outcome.locked_until is not None for outcome in recordings):
        stays["locked_objects"] = _LOCKED_OBJECTS
    return stays


def _locked(outcome: RecordingOutcome) -> dict[str, str]:
    """Return the end of the lock, where there is one."""
    return {} if outcome.locked_until is None else {"locked_until": write_rfc3339(outcome.locked_until)}


def _handovers(outcome: RecordingOutcome) -> dict[str, Any]:
    """Return what became of the hand-overs, where there are some."""
    said = [
        {
            "integration": one.integration_id,
            "system": one.system,
            "outcome": one.outcome,
            "keeps": list(one.residue),
        }
        for one in outcome.handovers
    ]
    return {"handovers": said} if said else {}


def _recording(outcome: RecordingOutcome) -> dict[str, Any]:
    verdict = outcome.verdict
    code = read_code(verdict.code)
    return {
        "id": outcome.id,
        "outcome": code,
        "ground": GROUNDS.get(code),
        "statute": verdict.statute,
        "until": None if verdict.until is None else write_rfc3339(verdict.until),
        "header_sha256": outcome.header_sha256,
        "object_versions": {
            "before": outcome.versions_before,
            "left": outcome.versions_left,
            **_locked(outcome),
        },
        "provider_copy": outcome.provider_copy,
        **_handovers(outcome),
        "leaves": [{"type": leaf.type, "index": leaf.index} for leaf in outcome.leaves],
    }
