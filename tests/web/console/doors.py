"""Every page and form of the console below an account: the scope it needs, and a form that it takes."""

from collections.abc import Mapping
from typing import Final

PREFIX: Final = "/console/accounts/{account}"
POLICY: Final = {
    "classes.0.class": "quality",
    "classes.0.purpose": "Train staff",
    "classes.0.period": "6 months",
    "time_zone": "UTC",
    "waiting_days": "7",
}
#: What stands in a path in the place of an id of which there is none.
NOBODY: Final[Mapping[str, str]] = {
    "recording": "rec_" + "0" * 32,
    "link": "link_" + "0" * 32,
    "result": "srch_0",
    "hold": "hold_x",
    "approval": "appr_x",
    "request_id": "req_x",
    "notice": "ntc_x",
}
CONSENT: Final = {
    "version": "0",
    "missing_evidence": "quarantine",
    "withdrawal": "restrict",
    "mode": "none",
    "quarantine_days": "30",
    "keys.accept": "1",
    "keys.decline": "9",
    "name": "{account}",
}
#: Fields of a form; None for a page. ``{account}`` in a value is the account's name.
DOORS: Final[Mapping[tuple[str, str], tuple[str, dict[str, str] | None]]] = {
    ("GET", ""): ("recordings:read", None),
    ("GET", "/recordings"): ("recordings:read", None),
    ("POST", "/recordings/search"): ("recordings:read", {"number": "+14155550187"}),
    ("GET", "/recordings/{recording}"): ("recordings:read", None),
    ("GET", "/recordings/{recording}/waveform.svg"): ("recordings:read", None),
    ("GET", "/recordings/{recording}/evidence"): ("audit:read", None),
    ("POST", "/recordings/{recording}/listening"): ("links:write", {"purpose": "quality"}),
    ("POST", "/recordings/{recording}/links/{link}/revocation"): ("links:write", {}),
    ("POST", "/recordings/{recording}/restriction"): ("privacy:write", {"restricted": "on"}),
    ("POST", "/recordings/{recording}/erasure"): ("privacy:write", {"name": "c"}),
    ("POST", "/recordings/{recording}/hold"): ("holds:write", {"hold_name": "h", "hold_reason": "r"}),
    ("GET", "/quarantine"): ("recordings:read", None),
    ("POST", "/quarantine/preview"): (
        "privacy:write",
        {"verdict": "release", "recording": NOBODY["recording"]},
    ),
    ("POST", "/quarantine/verdict"): (
        "privacy:write",
        {"verdict": "release", "reason": "r", "recording": NOBODY["recording"]},
    ),
    ("GET", "/quarantine/results/{result}"): ("privacy:write", None),
    ("GET", "/people"): ("recordings:read", None),
    ("POST", "/people/search"): ("recordings:read", {"listener": "k"}),
    ("POST", "/people/revocation"): ("links:write", {"listener": "k", "name": "k"}),
    ("GET", "/people/export.csv"): ("audit:read", None),
    ("GET", "/people/access-log"): ("audit:read", None),
    ("POST", "/recording-switch"): ("settings:write", {"enabled": "on", "name": "{account}"}),
    ("GET", "/retention"): ("audit:read", None),
    ("GET", "/retention/change"): ("audit:read", None),
    ("POST", "/retention/preview"): ("retention:write", POLICY),
    ("POST", "/retention"): (
        "retention:write",
        {"policy": '{{"classes": []}}', "version": "0", "name": "{account}"},
    ),
    ("GET", "/holds"): ("audit:read", None),
    ("GET", "/holds/new"): ("audit:read", None),
    ("POST", "/holds"): ("holds:write", {"title": "dispute", "reason": "a claim", "covers": "all"}),
    ("GET", "/holds/{hold}"): ("audit:read", None),
    ("POST", "/holds/{hold}/release/preview"): ("holds:write", {}),
    ("POST", "/holds/{hold}/release"): ("holds:write", {"name": "{account}"}),
    ("POST", "/holds/approvals/{approval}"): ("holds:write", {}),
    ("GET", "/consent"): ("recordings:read", None),
    ("POST", "/consent"): ("settings:write", CONSENT),
    ("GET", "/consent/rules"): ("recordings:read", None),
    ("GET", "/consent/notices"): ("recordings:read", None),
    ("GET", "/consent/notices/new"): ("recordings:read", None),
    ("POST", "/consent/notices"): (
        "settings:write",
        {"language": "en", "audience": "caller", "mode": "announce"},
    ),
    ("GET", "/consent/notices/{notice}"): ("recordings:read", None),
    ("GET", "/consent/notices/{notice}/audio"): ("recordings:read", None),
    ("POST", "/consent/notices/{notice}"): (
        "settings:write",
        {"language": "en", "audience": "caller", "mode": "announce"},
    ),
    ("POST", "/consent/notices/{notice}/audio"): ("settings:write", {}),
    ("POST", "/consent/notices/{notice}/audio/removal"): ("settings:write", {}),
    ("POST", "/consent/notices/{notice}/publication"): ("settings:write", {"name": "{account}"}),
    ("POST", "/consent/notices/{notice}/retirement"): ("settings:write", {"name": "{account}"}),
    ("POST", "/consent/notices/{notice}/deletion"): ("settings:write", {"name": "{account}"}),
    ("GET", "/consent/objections"): ("privacy:write", None),
    ("POST", "/consent/objections"): ("privacy:write", {"number": "+33123456789"}),
    ("POST", "/consent/objections/search"): ("privacy:write", {"number": "+33123456789"}),
    ("POST", "/consent/objections/end"): ("privacy:write", {"number": "+33123456789", "name": "{account}"}),
    ("GET", "/requests"): ("audit:read", None),
    ("GET", "/requests/new"): ("audit:read", None),
    ("POST", "/requests"): (
        "privacy:write",
        {
            "kind": "access",
            "regime": "gdpr",
            "received_at": "2026-01-05T10:00",
            "reference": "r",
            "numbers": "+33123456789",
        },
    ),
    ("GET", "/requests/{request_id}"): ("audit:read", None),
    ("GET", "/requests/{request_id}/receipt"): ("audit:read", None),
    ("POST", "/requests/{request_id}/package"): ("privacy:write", {}),
    ("POST", "/requests/{request_id}/verification"): (
        "privacy:write",
        {"method": "callback", "at": "2026-01-05T10:00"},
    ),
    ("POST", "/requests/{request_id}/pause"): ("privacy:write", {"reason": "identity"}),
    ("POST", "/requests/{request_id}/resume"): ("privacy:write", {}),
    ("POST", "/requests/{request_id}/extension"): (
        "privacy:write",
        {"until": "2026-03-01T10:00", "told_at": "2026-01-06T10:00", "reason": "many"},
    ),
    ("POST", "/requests/{request_id}/withdrawal"): ("privacy:write", {"name": "{account}"}),
    ("POST", "/requests/{request_id}/decision/check"): ("privacy:write", {"code": "provided"}),
    ("POST", "/requests/{request_id}/decision"): (
        "privacy:write",
        {"decision": '{{"code": "provided"}}', "name": "{account}"},
    ),
}
#: Pages of no account.
OTHERS: Final = {
    ("GET", "/console"),
    ("GET", "/console/sign-in"),
    ("POST", "/console/sign-in"),
    ("GET", "/console/once/{token}"),
    ("POST", "/console/once/{token}"),
    ("POST", "/console/sign-out"),
    ("GET", "/console/sign-in/{connection}"),
    ("GET", "/console/callback/{connection}"),
    ("POST", "/console/back-channel/{connection}"),
}
