"""Zoho CRM: a call beside a contact, a lead or an account.

Sources: Zoho's OpenAPI of version 8 (``record``), zoho.com/crm/developer/docs/api/v8 (search, insert, update and delete
records, users), zoho.com/accounts/protocol/oauth. An answer holds a result for each record: its ``code`` says whether
it was written, whatever the status. Every write names no triggers, so that no workflow of the customer starts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final

from vault.crm.code_flow import CodeFlow
from vault.crm.reading import at, code_of, header_number, id_at, items_at, json_of, text_at, time_at
from vault.crm.replies import verdict_of
from vault.crm.requests import API_BASE, Method, base_of, host_of, path_id, request
from vault.crm.text import REMOVED, as_plain, clock, lines_of, title_of
from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Denied, Gone, Refused, Residue, Unauthorized, Unclear, Verdict, Wait
from vault.errors import Invalid
from vault.ports.crm import CrmSystem, FormField, Settings
from vault.rfc3339 import write_rfc3339_unchanged

#: The hosts of the sign-in and of the API, by data centre.
_CENTRES: Final[Mapping[str, tuple[str, str]]] = {
    "com": ("https://accounts.zoho.com", "https://www.zohoapis.com"),
    "eu": ("https://accounts.zoho.eu", "https://www.zohoapis.eu"),
    "in": ("https://accounts.zoho.in", "https://www.zohoapis.in"),
    "com.au": ("https://accounts.zoho.com.au", "https://www.zohoapis.com.au"),
    "jp": ("https://accounts.zoho.jp", "https://www.zohoapis.jp"),
    "com.cn": ("https://accounts.zoho.com.cn", "https://www.zohoapis.com.cn"),
    "sa": ("https://accounts.zoho.sa", "https://www.zohoapis.sa"),
    "ca": ("https://accounts.zohocloud.ca", "https://www.zohoapis.ca"),
}
#: Modules in the order of search, and the fields that are read; by them a hit shows its module.
_MODULES: Final[Mapping[str, str]] = {
    "Contacts": "Full_Name,Last_Name,Phone,Mobile,Modified_Time",
    "Leads": "Full_Name,Company,Phone,Mobile,Modified_Time",
    "Accounts": "Account_Name,Phone,Modified_Time",
}
_KINDS: Final[Mapping[str, str]] = {"contact": "Contacts", "lead": "Leads", "account": "Accounts"}
_DENIED: Final = frozenset(
    {"OAUTH_SCOPE_MISMATCH", "NO_PERMISSION", "PERMISSION_DENIED", "FEATURE_NOT_SUPPORTED"}
)
_DOUBLE: Final = frozenset({"DUPLICATE_DATA"})
#: Calls that a probe reads: the most of one page.
_CALLS: Final = 200
_NO_DURATION: Final = "0:00"
_SUCCESS: Final = frozenset({"SUCCESS", ""})

CENTRE: Final = FormField(
    name="data_center",
    pattern=re.compile("|".join(re.escape(name) for name in _CENTRES)),
    rule=f"one of {', '.join(_CENTRES)}: the end of your Zoho address",
)


@dataclass(frozen=True, slots=True)
class Zoho(CrmSystem):
    """The system ``zoho``. It has no state."""

    name: str = "zoho"
    title: str = "Zoho CRM"
    key_field: FormField | None = None
    keeps_after_edit: frozenset[Residue] = frozenset({Residue.EDIT_HISTORY})
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.RECYCLE_BIN, Residue.EDIT_HISTORY})
    #: A record is found by its index.
    probe_lag: timedelta = timedelta(minutes=5)

    @property
    def oauth(self) -> CodeFlow:
        """Return its OAuth. A refresh gives no new refresh token; the twenty-first of a user ends the first."""
        return CodeFlow(
            authorize=lambda settings: _sign_in(settings) + "/oauth/v2/auth",
            token=lambda settings: _sign_in(settings) + "/oauth/v2/token",
            revoke=lambda settings: _sign_in(settings) + "/oauth/v2/token/revoke",
            scopes=(
                "ZohoCRM.modules.contacts.READ",
                "ZohoCRM.modules.leads.READ",
                "ZohoCRM.modules.accounts.READ",
                "ZohoCRM.modules.calls.ALL",
                "ZohoCRM.users.READ",
                "ZohoSearch.securesearch.READ",
            ),
            scope_separator=",",
            has_pkce=False,
            asks={"access_type": "offline", "prompt": "consent"},
            usual_life=timedelta(hours=1),
            learn=_learn,
        )

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the data centre."""
        return (CENTRE, API_BASE)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return the host of the data centre's API."""
        return (host_of(_base(settings)),)

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return a search of each module for the two usual spellings."""
        forms = dict.fromkeys((number.e164, number.national, number.spaced_national))
        return [
            _request("GET", f"{module}/search", access, query={"phone": form, "fields": fields})
            for module, fields in _MODULES.items()
            for form in forms
        ]

    def candidates(self, reply: CrmReply) -> CandidatePage:
        """Read the hits. Without a hit the answer is empty."""
        answer = json_of(reply)
        return CandidatePage(
            candidates=[hit for item in items_at(answer, "data") if (hit := _candidate(item))],
            is_cut=at(answer, "info", "more_records") is True,
        )

    def agent_request(self, email: str, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request for the active users: no address leaves."""
        return _request("GET", "users", access, query={"type": "ActiveUsers", "per_page": "200"})

    def agent_of(self, reply: CrmReply, email: str) -> str | None:
        """Read the id of the user with exactly this address."""
        for item in items_at(json_of(reply), "users", most=200):
            if (text_at(item, "email") or "").casefold() == email.casefold():
                return id_at(item, "id")
        return None

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | Refused:
        """Return the request that creates the call."""
        module = _KINDS.get(target.kind)
        if module is None or not target.id:
            return Refused(code="no_contact")
        fields = _fields(handover)
        if module == "Contacts":
            fields["Who_Id"] = {"id": target.id}
        else:
            fields |= {"What_Id": {"id": target.id}, "$se_module": module}
        if handover.author is not None:
            fields["Owner"] = {"id": handover.author}
        return _request("POST", "Calls", access, {"data": [fields], "trigger": []})

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the id of the call."""
        call = id_at(json_of(reply), "data", 0, "details", "id")
        return None if call is None else {"call": call}

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the search for the calls beside the contact."""
        return _probe(target, access, 1)

    def probe_next(
        self,
        reply: CrmReply,
        handover: Handover,  # noqa: ARG002 - the port's
        target: Target,
        access: CrmAccess,
    ) -> CrmRequest | None:
        """Return the search for the next page: nobody says in which order a search finds them."""
        more, page = (at(json_of(reply), "info", name) for name in ("more_records", "page"))
        return _probe(target, access, page + 1) if more is True and isinstance(page, int) else None

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:  # noqa: ARG002 - the port's
        """Read the call whose description has the id of this hand-over."""
        for item in items_at(json_of(reply), "data", most=_CALLS):
            if handover.id in (text_at(item, "Description") or "") and (call := id_at(item, "id")):
                return {"call": call}
        return None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the request that replaces what the call says."""
        body = {"data": [_fields(handover)], "trigger": []}
        return (_request("PUT", f"Calls/{path_id(remote['call'])}", access, body),)

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the requests that blank the call, and then delete it."""
        path = f"Calls/{path_id(remote['call'])}"
        body = {
            "data": [{"Subject": REMOVED, "Description": REMOVED, "Call_Duration": _NO_DURATION}],
            "trigger": [],
        }
        return (_request("PUT", path, access, body), _request("DELETE", path, access))

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means, by the code of the record, or else of the whole answer."""
        answer = json_of(reply)
        record = at(answer, "data", 0)
        code = text_at(record, "code") or text_at(answer, "code") or ""
        field = text_at(record, "details", "api_name")
        plain = verdict_of(act, reply, code=code or None, field=field)
        if act in {"find", "probe"} and record is not None and not code:
            return plain
        fixed = _verdict_of_code(act, code, field)
        if fixed is not None:
            return fixed
        if code in _SUCCESS or reply.status >= 300:  # noqa: PLR2004 - beyond the class of success
            return plain
        # A success whose record was not written.
        return Refused(code=code_of(code), field=field)

    def budget(self, reply: CrmReply) -> Budget | None:
        """Read the credits of a day, which are told once half are spent."""
        left = header_number(reply.headers.get("x-api-credits-remaining"))
        return None if left is None else Budget(remaining=left, limit=None, resets_in=timedelta(hours=24))


def _verdict_of_code(act: Act, code: str, field: str | None) -> Verdict | None:
    """Return what a code means by itself; None where the status says more."""
    if code in {"INVALID_TOKEN", "AUTHENTICATION_FAILURE"}:
        return Unauthorized()
    if code in _DENIED:
        return Denied(code=code_of(code))
    if code == "TOO_MANY_REQUESTS":
        return Wait()
    if code == "LIMIT_EXCEEDED":
        return Wait(is_daily=True)
    if act == "create" and code in _DOUBLE:
        return Unclear()
    # The id in the path, or that of the contact, is none any more.
    is_target = field in {None, "id"} if act != "create" else field in {"Who_Id", "What_Id"}
    return Gone() if code in {"INVALID_DATA", "RECORD_NOT_FOUND"} and is_target and act != "find" else None


def _centre(settings: Settings) -> tuple[str, str]:
    hosts = _CENTRES.get(settings.get(CENTRE.name, ""))
    if hosts is None:
        raise Invalid(f"data_center must be {CENTRE.rule}.", field=CENTRE.name)
    return hosts


def _sign_in(settings: Settings) -> str:
    return base_of(settings, _centre(settings)[0])


def _base(settings: Settings) -> str:
    return base_of(settings, _centre(settings)[1])


def _learn(settings: Settings, answer: object) -> Mapping[str, str]:
    """Return nothing: the data centre was entered. Another host of the API than its own is refused."""
    address = text_at(answer, "api_domain")
    if (
        address is not None
        and "api_base" not in settings
        and address.rstrip("/") not in {api for _, api in _CENTRES.values()}
    ):
        raise ValueError("The host is not Zoho's.")
    return {}


def _request(
    method: Method, path: str, access: CrmAccess, body: object = None, query: Mapping[str, str] | None = None
) -> CrmRequest:
    headers = {"Authorization": f"Zoho-oauthtoken {access.token}"}
    return request(method, f"{_base(access.settings)}/crm/v8/{path}", headers, body, query)


def _probe(target: Target, access: CrmAccess, page: int) -> CrmRequest:
    beside = "Who_Id" if target.kind == "contact" else "What_Id"
    query = {
        "criteria": f"({beside}:equals:{target.id})",
        "fields": "Subject,Description",
        "per_page": str(_CALLS),
        "page": str(page),
    }
    return _request("GET", "Calls/search", access, query=query)


def _fields(handover: Handover) -> dict[str, object]:
    fields: dict[str, object] = {
        "Subject": title_of(handover),
        "Description": as_plain(lines_of(handover)),
    }
    # Zoho wants type and duration of a call that is over; a missing direction is shown as inbound.
    is_shown = handover.state == "present"
    fields["Call_Duration"] = clock(handover.duration) if is_shown and handover.duration else _NO_DURATION
    if is_shown:
        started = handover.started_at.astimezone(UTC).replace(microsecond=0)
        fields["Call_Start_Time"] = write_rfc3339_unchanged(started)
        fields["Call_Type"] = (handover.direction or "inbound").capitalize()
    return fields


def _candidate(item: object) -> Candidate | None:
    record = id_at(item, "id")
    if record is None or not isinstance(item, dict):
        return None
    kind = "account" if "Account_Name" in item else "lead" if "Company" in item else "contact"
    numbers = [text_at(item, "Phone"), text_at(item, "Mobile")]
    return Candidate(
        kind=kind,
        id=record,
        numbers=[one for one in numbers if one],
        name=text_at(item, "Full_Name") or text_at(item, "Account_Name"),
        modified_at=time_at(item, "Modified_Time"),
    )
