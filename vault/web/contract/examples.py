"""Examples of request and response bodies for the contract; a test validates each with its model."""

from typing import Any

from pydantic import BaseModel

from vault.web.schemas.accounts.settings import (
    AccountIn,
    AccountOut,
    ConnectionIn,
    KeyIn,
    KeyMadeOut,
    SwitchIn,
    SwitchOut,
)
from vault.web.schemas.calls.calls import CallIn, ConsentIn, RestrictionIn, VerdictIn
from vault.web.schemas.calls.webhook_events import ReceiptOut
from vault.web.schemas.consent.consent import ObjectionIn, PolicyIn, PolicyPatchIn
from vault.web.schemas.consent.notices import NoticeIn
from vault.web.schemas.playback.links import LinkIn, LinkMadeOut, RevocationIn
from vault.web.schemas.registers.authority_requests import AuthorityRequestIn, AuthorityRequestPatchIn
from vault.web.schemas.registers.processing_record import ProfileIn
from vault.web.schemas.registers.recipients import EndIn, RecipientIn, RecipientPatchIn
from vault.web.schemas.requests.requests import DecisionIn, ExtensionIn, PauseIn, RequestIn
from vault.web.schemas.retention.holds import HoldIn
from vault.web.schemas.retention.retention import RetentionPolicyIn

_CALL = {
    "direction": "inbound",
    "from": "+12025550123",
    "to": "+12025550187",
    "started_at": "2026-05-04T09:30:00Z",
    "agent": "robin",
}
_RECORDING = "rec_0f8c2b6ad1e94c52a7d3b1f05e6c9a84"

EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    AccountIn: {"name": "Acme", "locale": "en-US"},
    AccountOut: {
        "id": "acct_2f6d0a1b9c3e4d57",
        "account": "acme",
        "name": "Acme",
        "locale": "en-US",
        "opened_at": "2026-05-04T09:00:00.000Z",
        "warning": "Nothing is erased by time: no retention policy is in force.",
    },
    SwitchIn: {"enabled": False, "reason": "Works council agreement of May 4"},
    SwitchOut: {
        "enabled": False,
        "epoch": 2,
        "changed_at": "2026-05-04T09:30:00.000Z",
        "changed_by": "key_5d0c6a31f2b84e7f",
    },
    ConnectionIn: {
        "provider": "platform",
        "credentials": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    },
    CallIn: _CALL,
    ConsentIn: {
        "party": "caller",
        "event": "announced",
        "method": "announcement",
        "at": "2026-05-04T09:30:04Z",
        "notice": "ntc_41c9d5a07b3e4f68",
        "offset": 0.5,
        "length": 4.2,
    },
    LinkIn: {"listener": "robin@acme.example", "expires_in": 3600, "sessions": 1},
    LinkMadeOut: {
        "id": "link_7a2be1c3d9f04d56",
        "url": "https://vault.example/p/r9uOR9rM2dXb4sYkq0pVtQ",
        "expires_at": "2026-05-04T10:30:00.000Z",
    },
    RevocationIn: {"listener": "robin@acme.example"},
    KeyIn: {"name": "dialer", "scopes": ["ingest"], "account": "acme"},
    KeyMadeOut: {"id": "key_5d0c6a31f2b84e7f", "key": "cv_5d0c6a31f2b84e7f_WNdejrfMq3kXv8yTz2bLpA"},
    ObjectionIn: {"reason": "Asked by letter"},
    VerdictIn: {"reason": "The agent confirmed that the notice was played."},
    RestrictionIn: {"reason": "Accuracy is contested."},
    NoticeIn: {
        "language": "en",
        "audience": "caller",
        "mode": "announce",
        "controller": "Acme Incorporated",
        "purposes": "to train our staff",
    },
    PolicyIn: {
        "missing_evidence": "quarantine",
        "reason": None,
        "withdrawal": "restrict",
        "mode": "announce",
        "home_place": "FR",
        "quarantine_days": 30,
        "keys": {"accept": "1", "decline": "9", "object": None},
        "overrides": [],
    },
    RequestIn: {
        "kind": "erasure",
        "regime": "gdpr",
        "received_at": "2026-05-04T09:30:00Z",
        "reference": "ticket-4711",
        "identities": [{"type": "number", "value": "06 12 34 56 78", "region": "FR"}],
        "verification": {"method": "callback", "at": "2026-05-04T10:00:00Z"},
    },
    DecisionIn: {
        "code": "erased",
        "verdicts": {
            _RECORDING: {"code": "kept_legal_obligation", "statute": "MiFID II art. 16(7)"},
        },
        "reason": "We are obliged to keep the order of May 4 for five years.",
    },
    ExtensionIn: {
        "until": "2026-07-01T00:00:00Z",
        "reason": "You have several requests, and they concern many calls.",
        "told_at": "2026-05-20T09:00:00Z",
    },
    PauseIn: {"reason": "clarification"},
    ProfileIn: {
        "controller": {
            "name": "Acme Limited",
            "address": "1 High Street, Dublin",
            "contact": "privacy@acme.example",
        },
        "purposes": [{"purpose": "Training of agents", "legal_basis": "consent", "explanation": ""}],
        "persons": ["callers", "agents"],
        "data": ["voice", "telephone numbers"],
        "requests_to": "privacy@acme.example",
        "published": True,
    },
    RecipientIn: {
        "name": "Hosting Inc",
        "address": "2 Main Street, Boston",
        "contact": "privacy@hosting.example",
        "role": "processor",
        "purpose": "stores recordings",
        "country": "US",
        "safeguard": "standard_clauses",
        "since": "2026-05-04",
        "covers": ["object_store"],
    },
    RecipientPatchIn: {"contract": {"status": "signed", "signed_on": "2026-05-04", "ends_on": None}},
    EndIn: {"until": "2026-12-31"},
    AuthorityRequestIn: {
        "received_at": "2026-05-04T09:30:00Z",
        "authority": "Public prosecutor of Lyon",
        "country": "FR",
        "kind": "warrant",
        "scope": "content",
        "numbers": ["+33123456789"],
    },
    AuthorityRequestPatchIn: {"decision": "refused", "reviewer": "Ada Byron"},
    PolicyPatchIn: {"mode": "announce", "home_place": "FR"},
    HoldIn: {
        "name": "Acme v. Doe",
        "reason": "Preservation letter of May 4",
        "covers": {"numbers": ["+12025550123"], "from": "2026-01-01T00:00:00Z"},
    },
    RetentionPolicyIn: {
        "classes": [
            {"class": "quality", "purpose": "Train our staff", "period": "P6M", "maximum": "P6M"},
            {
                "class": "orders",
                "purpose": "Prove orders by phone",
                "minimum": "P5Y",
                "minimum_ground": "legal_obligation",
                "statute": "MiFID II, article 16(7)",
                "match": {"direction": "outbound"},
            },
        ],
        "decisions": [
            {
                "minimum_of": "orders",
                "maximum_of": "quality",
                "applies": "minimum",
                "reason": "The duty to record orders prevails.",
            }
        ],
        "time_zone": "Europe/Paris",
    },
    ReceiptOut: {"status": "accepted", "recording": _RECORDING},
}
