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
#: Fields of a form; None for a page. ``{account}`` in a value is the account's name.
DOORS: Final[Mapping[tuple[str, str], tuple[str, dict[str, str] | None]]] = {
    ("GET", ""): ("recordings:read", None),
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
#: What stands in a path in the place of an id of which there is none.
NOBODY: Final[Mapping[str, str]] = {"hold": "hold_x", "approval": "appr_x", "request_id": "req_x"}
#: Pages of no account.
OTHERS: Final = {
    ("GET", "/console"),
    ("GET", "/console/sign-in"),
    ("POST", "/console/sign-in"),
    ("GET", "/console/once/{token}"),
    ("POST", "/console/once/{token}"),
    ("POST", "/console/sign-out"),
}
