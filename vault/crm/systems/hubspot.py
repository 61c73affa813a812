"""HubSpot: a call object beside a contact.

Sources: HubSpot's OpenAPI of release 2026-09 (``crm/objects``, ``oauth``, ``crm/owners``); developers.hubspot.com,
"Search the CRM", "Calls", "Usage guidelines". A search compares the national number alone, and its index is late.
Fields that take the audio of a call, such as ``hs_call_recording_url``, are never written.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.crm.code_flow import CodeFlow
from vault.crm.reading import header_number, id_at, items_at, json_of, text_at, time_at
from vault.crm.replies import asked_wait, until_midnight, verdict_of
from vault.crm.requests import API_BASE, SECRET, Method, base_of, bearer, host_of, path_id, request
from vault.crm.text import REMOVED, as_html, lines_of, title_of
from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Residue, Unclear, Verdict, Wait
from vault.ports.crm import CrmSystem, FormField, Pace, Settings
from vault.rfc3339 import write_rfc3339

API: Final = "https://api.hubapi.com"
VERSION: Final = "2026-09"
_OBJECTS: Final = f"objects/{VERSION}"
#: From a call to a contact, as HubSpot defines it.
CALL_TO_CONTACT: Final = 194
HITS: Final = 50
_LOCKED: Final = 423
#: Properties in which a contact has numbers; the last is HubSpot's own reading in E.164.
_PHONES: Final = ("phone", "mobilephone", "hs_calculated_phone_number", "hs_calculated_mobile_number")
_SEARCHED: Final = ("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number")
_BLANK: Final = ("hs_call_direction", "hs_call_duration", "hs_call_from_number", "hs_call_to_number")

ID_PROPERTY: Final = FormField(
    name="id_property",
    pattern=re.compile(r"[a-z][a-z0-9_]{0,99}"),
    rule="the internal name of a call property with unique values, such as callvault_handover_id",
    is_required=False,
)


@dataclass(frozen=True, slots=True)
class HubSpot(CrmSystem):
    """The system ``hubspot``. It has no state."""

    name: str = "hubspot"
    title: str = "HubSpot"
    keeps_after_edit: frozenset[Residue] = frozenset({Residue.EDIT_HISTORY})
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.RECYCLE_BIN, Residue.EDIT_HISTORY})
    #: Its documentation says "a few moments".
    probe_lag: timedelta = timedelta(seconds=120)

    @property
    def oauth(self) -> CodeFlow:
        """Return its OAuth. An access token lives for 30 minutes."""
        return CodeFlow(
            authorize=lambda settings: base_of(settings, "https://app.hubspot.com") + "/oauth/authorize",
            token=lambda settings: base_of(settings, API) + f"/oauth/{VERSION}/token",
            revoke=lambda settings: base_of(settings, API) + f"/oauth/{VERSION}/token/revoke",
            scopes=("crm.objects.contacts.read", "crm.objects.contacts.write"),
            usual_life=timedelta(minutes=30),
        )

    @property
    def key_field(self) -> FormField:
        """Return the field of a service key."""
        return FormField(name="service_key", pattern=SECRET, rule="the service key that HubSpot shows")

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the property by which a call is found again at once."""
        return (ID_PROPERTY, API_BASE)

    @property
    def paces(self) -> Sequence[Pace]:
        """Return that an account takes five searches in a second."""
        return (Pace(path="/search", limit=5, per=timedelta(seconds=1)),)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return its one host."""
        return (host_of(base_of(settings, API)),)

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return one search of both properties. The number has no country there, so hits of any country come."""
        body = {
            "filterGroups": [
                {"filters": [{"propertyName": name, "operator": "EQ", "value": number.significant}]}
                for name in _SEARCHED
            ],
            "properties": [*_PHONES, "firstname", "lastname"],
            "sorts": [],
            "limit": HITS,
            "after": "0",
        }
        return (_request("POST", f"{_OBJECTS}/contacts/search", access, body),)

    def candidates(self, reply: CrmReply) -> CandidatePage:
        """Read the hits."""
        answer = json_of(reply)
        return CandidatePage(
            candidates=[hit for item in items_at(answer, "results") if (hit := _candidate(item))],
            is_cut=text_at(answer, "paging", "next", "after") is not None,
        )

    def contact_request(self, handover: Handover, number: str, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request that creates a contact of a number alone."""
        return _request(
            "POST", f"{_OBJECTS}/contacts", access, {"properties": {"phone": number}, "associations": []}
        )

    def contact_of(self, reply: CrmReply) -> Candidate | None:
        """Read the contact that was created."""
        return _candidate(json_of(reply))

    def agent_request(self, email: str, access: CrmAccess) -> CrmRequest:
        """Return the search for an owner."""
        return _request("GET", f"owners/{VERSION}", access, query={"email": email, "limit": "1"})

    def agent_of(self, reply: CrmReply, email: str) -> str | None:
        """Read the id of the owner with exactly this address."""
        for item in items_at(json_of(reply), "results"):
            if (text_at(item, "email") or "").casefold() == email.casefold():
                return id_at(item, "id")
        return None

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:
        """Return the request that creates a call beside the contact."""
        kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": CALL_TO_CONTACT}
        associations = [{"to": {"id": target.id}, "types": [kind]}] if target.id else []
        properties = _properties(handover)
        if handover.author is not None:
            properties["hubspot_owner_id"] = handover.author
        if own := access.settings.get(ID_PROPERTY.name):
            properties[own] = handover.id
        return _request(
            "POST", f"{_OBJECTS}/calls", access, {"properties": properties, "associations": associations}
        )

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the id of the call."""
        call = id_at(json_of(reply), "id")
        return None if call is None else {"call": call}

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:
        """Return the request for the call by its own property; without one, a search for the newest of the contact."""
        if own := access.settings.get(ID_PROPERTY.name):
            query = {"idProperty": own, "properties": "hs_call_body"}
            return _request("GET", f"{_OBJECTS}/calls/{path_id(handover.id)}", access, query=query)
        clause = {"propertyName": "associations.contact", "operator": "EQ", "value": target.id}
        body = {
            "filterGroups": [{"filters": [clause]}],
            "properties": ["hs_call_body"],
            "sorts": [{"propertyName": "hs_createdate", "direction": "DESCENDING"}],
            "limit": HITS,
            "after": "0",
        }
        return _request("POST", f"{_OBJECTS}/calls/search", access, body)

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:  # noqa: ARG002 - the port's
        """Read the call whose text has the id of this hand-over."""
        answer = json_of(reply)
        for item in (answer, *items_at(answer, "results")):
            if handover.id in (text_at(item, "properties", "hs_call_body") or ""):
                call = id_at(item, "id")
                return None if call is None else {"call": call}
        return None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the request that replaces the text and the numbers."""
        body = {"properties": _properties(handover)}
        return (_request("PATCH", f"{_OBJECTS}/calls/{path_id(remote['call'])}", access, body),)

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the requests that blank the call, and then archive it."""
        blank = {"hs_call_title": REMOVED, "hs_call_body": REMOVED, **dict.fromkeys(_BLANK, "")}
        path = f"calls/{path_id(remote['call'])}"
        return (
            _request("PATCH", f"{_OBJECTS}/{path}", access, {"properties": blank}),
            _request("DELETE", f"{_OBJECTS}/{path}", access),
        )

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means. 429 names the budget that is spent: of ten seconds, or of the day."""
        answer = json_of(reply)
        if text_at(answer, "policyName") == "DAILY":
            return Wait(asked=until_midnight(reply), is_daily=True)
        if reply.status == _LOCKED:
            return Wait(asked=asked_wait(reply) or timedelta(seconds=2))
        code = (
            text_at(answer, "errors", 0, "code")
            or text_at(answer, "subCategory")
            or text_at(answer, "category")
        )
        if act == "create" and "CONFLICT" in f"{text_at(answer, 'category')} {code}":
            return Unclear()
        field = text_at(answer, "errors", 0, "context", "propertyName", 0) or text_at(
            answer, "errors", 0, "in"
        )
        return verdict_of(act, reply, code=code, field=field)

    def budget(self, reply: CrmReply) -> Budget | None:
        """Read the budget of ten seconds; a search has no such headers."""
        left = header_number(reply.headers.get("x-hubspot-ratelimit-remaining"))
        if left is None:
            return None
        interval = header_number(reply.headers.get("x-hubspot-ratelimit-interval-milliseconds")) or 10_000
        return Budget(
            remaining=left,
            limit=header_number(reply.headers.get("x-hubspot-ratelimit-max")),
            resets_in=timedelta(milliseconds=min(interval, 60_000)),
            is_window=True,
        )


def _request(
    method: Method,
    path: str,
    access: CrmAccess,
    body: object = None,
    query: Mapping[str, str] | None = None,
) -> CrmRequest:
    url = f"{base_of(access.settings, API)}/crm/{path}"
    return request(method, url, bearer(access.token), body, query)


def _properties(handover: Handover) -> dict[str, str]:
    """Return what a call says. Every value is a string; what a restricted one says of the call is blank."""
    properties = {
        "hs_call_title": title_of(handover),
        "hs_call_body": as_html(lines_of(handover)),
        "hs_call_status": "COMPLETED",
        **dict.fromkeys(_BLANK, ""),
    }
    if handover.state == "restricted":
        return properties
    length = handover.duration
    known = {
        "hs_timestamp": write_rfc3339(handover.started_at),
        "hs_call_direction": None if handover.direction is None else handover.direction.upper(),
        "hs_call_duration": None if length is None else str(int(length.total_seconds() * 1000)),
        "hs_call_from_number": handover.caller,
        "hs_call_to_number": handover.callee,
    }
    return properties | {name: value for name, value in known.items() if value is not None}


def _candidate(item: object) -> Candidate | None:
    contact = id_at(item, "id")
    if contact is None:
        return None
    names = [text_at(item, "properties", key) for key in ("firstname", "lastname")]
    numbers = [text_at(item, "properties", key) for key in _PHONES]
    return Candidate(
        kind="contact",
        id=contact,
        numbers=list(dict.fromkeys(one for one in numbers if one)),
        name=" ".join(one for one in names if one) or None,
        modified_at=time_at(item, "updatedAt"),
    )
