"""Salesforce: a completed task of the subtype call, beside a contact, a lead or an account.

Sources: developer.salesforce.com, REST API guide ("Search with Parameters in the Request Body", "Status Codes and Error
Responses", "Web Server Flow"), Object reference (Task). The number is searched in a body, so it stands in no URL. Desk,
which was Salesforce's helpdesk for small businesses, is the same system with the call beside the contact's open case.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final
from urllib.parse import urlsplit

from vault.crm.code_flow import CodeFlow
from vault.crm.reading import header_number, id_at, items_at, json_of, text_at
from vault.crm.replies import verdict_of
from vault.crm.requests import API_BASE, Method, base_of, bearer, host_of, path_id, request
from vault.crm.text import REMOVED, as_plain, lines_of, title_of
from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Gone, Refused, Residue, Unclear, Verdict, Wait
from vault.errors import Invalid
from vault.ports.crm import CrmSystem, FormField, Settings

VERSION: Final = "v66.0"
HITS: Final = 50
#: The order in which a number's owners are shown; a lead that became a contact is not searched.
_PHONES: Final[Mapping[str, Sequence[str]]] = {
    "Contact": ("Phone", "MobilePhone", "HomePhone", "OtherPhone"),
    "Lead": ("Phone", "MobilePhone"),
    "Account": ("Phone",),
}
_RECORD: Final = re.compile(r"[0-9A-Za-z]{15,18}")
_EMAIL: Final = re.compile(r"[0-9A-Za-z.+_-]{1,64}@[0-9A-Za-z.-]{1,190}")
_INSTANCE: Final = re.compile(r"https://[a-z0-9-]{1,80}(?:\.[a-z0-9-]{1,40}){0,2}\.my\.salesforce\.com")
_LOGIN: Final = re.compile(r"(?:login|test|[a-z0-9-]{1,80}(?:\.[a-z0-9-]{1,40}){0,2}\.my)\.salesforce\.com")
#: Errors that pass by themselves; that mean that the target is no more; that a record may be there.
_LATER: Final = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT"})
_NO_TARGET: Final = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"})
_DOUBLE: Final = frozenset({"DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID"})
_CASE: Final = (
    "SELECT Id FROM Case WHERE ContactId = '{}' AND IsClosed = false ORDER BY LastModifiedDate DESC LIMIT 1"
)
_USER: Final = "SELECT Id, Email FROM User WHERE Email = '{}' AND IsActive = true LIMIT 5"
_TASK: Final = "SELECT Id, CallObject FROM Task WHERE CallObject = '{}' LIMIT 2"
_USAGE: Final = re.compile(r"api-usage=([0-9]{1,12})/([0-9]{1,12})")

INSTANCE: Final = FormField(
    name="instance_url",
    pattern=_INSTANCE,
    rule="the address of your organization, such as https://example.my.salesforce.com; it is learnt at the sign-in",
    is_required=False,
)
LOGIN: Final = FormField(
    name="login_host",
    pattern=_LOGIN,
    rule="login.salesforce.com, test.salesforce.com, or your own domain below my.salesforce.com",
    is_required=False,
)
API_VERSION: Final = FormField(
    name="api_version",
    pattern=re.compile(r"v[1-9][0-9]\.0"),
    rule="a version such as v66.0",
    is_required=False,
)
ATTACH: Final = FormField(
    name="attach",
    pattern=re.compile(r"case|none"),
    rule="case (beside the newest open case of the contact) or none",
    is_required=False,
)


@dataclass(frozen=True, slots=True)
class Salesforce(CrmSystem):
    """The systems ``salesforce`` and ``desk``. It has no state."""

    name: str = "salesforce"
    title: str = "Salesforce"
    #: Where the settings do not say it.
    attach: str = "none"
    key_field: FormField | None = None
    #: Where the admin tracks the history of tasks' fields.
    keeps_after_edit: frozenset[Residue] = frozenset({Residue.EDIT_HISTORY})
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.RECYCLE_BIN})
    probe_lag: timedelta = timedelta(seconds=30)

    @property
    def oauth(self) -> CodeFlow:
        """Return its OAuth. A reply names the organization's host, and no life of the token: it ends with 401."""
        return CodeFlow(
            authorize=lambda settings: _login(settings) + "/services/oauth2/authorize",
            token=lambda settings: _login(settings) + "/services/oauth2/token",
            revoke=lambda settings: (
                (_instance(settings) if INSTANCE.name in settings else _login(settings))
                + "/services/oauth2/revoke"
            ),
            scopes=("api", "refresh_token"),
            learn=_learn,
        )

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the organization's host, where it signs in, the version, and what a call stands beside."""
        return (INSTANCE, LOGIN, API_VERSION, ATTACH, API_BASE)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return the organization's host."""
        return (host_of(_instance(settings)),)

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return one search in the fields for telephone numbers, which reads digits in any spelling."""
        objects = [
            {"name": name, "fields": ["Id", "Name", *phones], "limit": HITS}
            for name, phones in _PHONES.items()
        ]
        objects[1]["where"] = "IsConverted = false"
        body = {"q": number.significant, "in": "PHONE", "sobjects": objects, "overallLimit": HITS}
        return (_request("POST", "parameterizedSearch", access, body),)

    def candidates(self, reply: CrmReply) -> CandidatePage:
        """Read the hits: contacts, then leads, then accounts."""
        items = items_at(json_of(reply), "searchRecords")
        hits = [hit for item in items if (hit := _candidate(item))]
        kinds = list(_PHONES)
        return CandidatePage(
            candidates=sorted(hits, key=lambda hit: kinds.index(hit.kind.capitalize())),
            is_cut=len(items) >= HITS,
        )

    def parent_request(self, contact: Candidate, access: CrmAccess) -> CrmRequest | None:
        """Return the query for the newest open case of a contact."""
        is_wanted = access.settings.get(ATTACH.name, self.attach) == "case"
        if not is_wanted or contact.kind != "contact" or _RECORD.fullmatch(contact.id) is None:
            return None
        return _query(_CASE, contact.id, access)

    def parent_of(self, reply: CrmReply) -> str | None:
        """Read the case."""
        return _id(json_of(reply), "records", 0, "Id")

    def contact_request(self, handover: Handover, number: str, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request that creates a contact; Salesforce wants a last name."""
        return _request("POST", "sobjects/Contact", access, {"LastName": number, "Phone": number})

    def contact_of(self, reply: CrmReply) -> Candidate | None:
        """Read the id of the contact that was created; the reply says nothing else."""
        contact = _id(json_of(reply), "id")
        return None if contact is None else Candidate(kind="contact", id=contact, numbers=())

    def agent_request(self, email: str, access: CrmAccess) -> CrmRequest | None:
        """Return the query for an active user. An address with characters of the query language is not asked."""
        if _EMAIL.fullmatch(email) is None:
            return None
        return _query(_USER, email, access)

    def agent_of(self, reply: CrmReply, email: str) -> str | None:
        """Read the id of the user with exactly this address."""
        for item in items_at(json_of(reply), "records"):
            if (text_at(item, "Email") or "").casefold() == email.casefold():
                return _id(item, "Id")
        return None

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | Refused:
        """Return the request that creates the task."""
        if _RECORD.fullmatch(target.id) is None:
            return Refused(code="no_contact")
        fields = {**_fields(handover), "CallObject": handover.id, "TaskSubtype": "Call"}
        fields["WhatId" if target.kind == "account" else "WhoId"] = target.id
        if target.parent is not None and target.kind == "contact":
            fields["WhatId"] = target.parent
        if handover.author is not None:
            fields["OwnerId"] = handover.author
        return _request("POST", "sobjects/Task", access, fields)

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the id of the task."""
        task = _id(json_of(reply), "id")
        return None if task is None else {"task": task}

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the query for the task by the id of the hand-over. A query reads rows, not an index."""
        return _query(_TASK, _word(handover.id), access)

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:  # noqa: ARG002 - the port's
        """Read the task."""
        for item in items_at(json_of(reply), "records"):
            if text_at(item, "CallObject") == handover.id and (task := _id(item, "Id")):
                return {"task": task}
        return None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the request that replaces what the task says."""
        return (_request("PATCH", f"sobjects/Task/{path_id(remote['task'])}", access, _fields(handover)),)

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the requests that blank the task, and then delete it."""
        path = f"sobjects/Task/{path_id(remote['task'])}"
        blank = {"Subject": REMOVED, "Description": REMOVED, "CallType": None, "CallDurationInSeconds": None}
        return (_request("PATCH", path, access, blank), _request("DELETE", path, access))

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means, by the code of its first error."""
        answer = json_of(reply)
        code = text_at(answer, 0, "errorCode") or ""
        if code == "REQUEST_LIMIT_EXCEEDED":
            # A budget of the last 24 hours: it has no hour at which it begins again.
            return Wait(asked=timedelta(hours=1), is_daily=True)
        if code in _LATER:
            return Unclear() if act == "create" and code != "UNABLE_TO_LOCK_ROW" else Wait()
        if code in _NO_TARGET:
            return Gone()
        if act == "create" and code in _DOUBLE:
            return Unclear()
        return verdict_of(act, reply, code=code or None, field=text_at(answer, 0, "fields", 0))

    def budget(self, reply: CrmReply) -> Budget | None:
        """Read the budget of a day."""
        usage = _USAGE.match(reply.headers.get("sforce-limit-info", "")[:100])
        used, limit = (header_number(usage[1]), header_number(usage[2])) if usage else (None, None)
        if used is None or limit is None:
            return None
        return Budget(remaining=max(0, limit - used), limit=limit, resets_in=timedelta(hours=24))


def _login(settings: Settings) -> str:
    host = settings.get(LOGIN.name, "login.salesforce.com")
    if _LOGIN.fullmatch(host) is None:
        raise Invalid(f"login_host must be {LOGIN.rule}.", field=LOGIN.name)
    return base_of(settings, f"https://{host}")


def _instance(settings: Settings) -> str:
    base = base_of(settings, settings.get(INSTANCE.name, ""))
    if base != settings.get("api_base") and _INSTANCE.fullmatch(base) is None:
        raise Invalid(f"instance_url must be {INSTANCE.rule}.", field=INSTANCE.name)
    return base


def _learn(settings: Settings, answer: object) -> Mapping[str, str]:
    """Return the organization's host; a reply to a refresh may leave it out."""
    address = text_at(answer, "instance_url")
    if address is None or "api_base" in settings:
        return {}
    parts = urlsplit(address[:300])
    base = f"{parts.scheme}://{(parts.netloc or '').lower()}"
    if _INSTANCE.fullmatch(base) is None:
        raise ValueError("The host is not Salesforce's.")
    return {INSTANCE.name: base}


def _request(method: Method, path: str, access: CrmAccess, body: object = None) -> CrmRequest:
    version = access.settings.get(API_VERSION.name, VERSION)
    url = f"{_instance(access.settings)}/services/data/{path_id(version)}/{path}"
    return request(method, url, bearer(access.token), body)


def _query(text: str, value: str, access: CrmAccess) -> CrmRequest:
    """Return a query with one value, in which no character has a meaning."""
    version = access.settings.get(API_VERSION.name, VERSION)
    url = f"{_instance(access.settings)}/services/data/{path_id(version)}/query"
    return request("GET", url, bearer(access.token), None, {"q": text.format(value)})


def _word(text: str) -> str:
    """Return an id without what has a meaning in a query."""
    return re.sub(r"[^0-9A-Za-z_-]", "", text)


def _id(value: object, *path: str | int) -> str | None:
    found = id_at(value, *path)
    return found if found is not None and _RECORD.fullmatch(found) else None


def _fields(handover: Handover) -> dict[str, object]:
    is_shown = handover.state == "present"
    direction, length = handover.direction, handover.duration
    day = {"ActivityDate": f"{handover.started_at.astimezone(UTC):%Y-%m-%d}"} if is_shown else {}
    return {
        **day,
        "Subject": title_of(handover),
        "Status": "Completed",
        "Description": as_plain(lines_of(handover)),
        "CallType": direction.capitalize() if is_shown and direction is not None else None,
        "CallDurationInSeconds": int(length.total_seconds()) if is_shown and length is not None else None,
    }


def _candidate(item: object) -> Candidate | None:
    kind, record = text_at(item, "attributes", "type"), _id(item, "Id")
    if record is None or kind is None or kind not in _PHONES:
        return None
    numbers = [text_at(item, phone) for phone in _PHONES[kind]]
    return Candidate(
        kind=kind.lower(),
        id=record,
        numbers=[one for one in numbers if one],
        name=text_at(item, "Name"),
    )
