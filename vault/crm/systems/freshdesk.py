"""Freshdesk: a private note on the contact's open ticket, or a ticket.

Source: developers.freshdesk.com/api (contacts, tickets, conversations, agents, rate limit). A search compares text, in
two fields, and few are taken in a minute, so the likely spellings come first. A ticket's description is shown to the
contact, so notes of colleagues stay out of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.crm.reading import at, header_number, id_at, items_at, json_of, text_at, time_at
from vault.crm.replies import verdict_of
from vault.crm.requests import (
    API_BASE,
    SECRET,
    SUBDOMAIN,
    Method,
    base_of,
    basic,
    host_of,
    label_of,
    path_id,
    request,
)
from vault.crm.text import REMOVED, as_html, lines_of, title_of
from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Refused, Residue, Verdict
from vault.ports.crm import CrmSystem, FormField, OAuth, Settings

#: Entries of a conversation on one page: the most.
PAGE: Final = 100
_PHONE_SOURCE, _OPEN, _LOW = 3, 2, 1
#: The page that a reply's header ``Link`` names as the next one.
_NEXT: Final = re.compile(r"[?&]page=([0-9]{1,6})[^<>]{0,300}>; ?rel=\"?next")
_MAX_LINK: Final = 2000
_RESOLVED: Final = frozenset({4, 5})

DOMAIN: Final = FormField(
    name="domain", pattern=SUBDOMAIN, rule="the first part of your Freshdesk address, such as example"
)
ATTACH: Final = FormField(
    name="attach",
    pattern=re.compile(r"open|new"),
    rule="open (a note on the contact's open ticket, if there is one) or new (always a new ticket)",
    is_required=False,
)


@dataclass(frozen=True, slots=True)
class Freshdesk(CrmSystem):
    """The system ``freshdesk``. It has no state."""

    name: str = "freshdesk"
    title: str = "Freshdesk"
    oauth: OAuth | None = None
    keeps_after_edit: frozenset[Residue] = frozenset()
    #: A ticket that the vault created lies, with a blank description, among the deleted ones.
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.RECYCLE_BIN})
    probe_lag: timedelta = timedelta(seconds=30)

    @property
    def key_field(self) -> FormField:
        """Return the field of an agent's API key. It dies when the agent leaves."""
        return FormField(name="api_key", pattern=SECRET, rule="the API key in an agent's profile")

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the account, and the tickets to which notes go."""
        return (DOMAIN, ATTACH, API_BASE)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return the account's host."""
        return (host_of(_base(settings)),)

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return a search for each spelling in each of the two fields."""
        forms = (number.e164, number.national, number.spaced_national, number.digits)
        return [
            _request("GET", "contacts", access, query={name: form})
            for form in dict.fromkeys(forms)
            for name in ("phone", "mobile")
        ]

    def candidates(self, reply: CrmReply) -> CandidatePage:
        """Read the hits."""
        items = items_at([json_of(reply)], 0)
        return CandidatePage(
            candidates=[hit for item in items if (hit := _candidate(item))], is_cut="link" in reply.headers
        )

    def parent_request(self, contact: Candidate, access: CrmAccess) -> CrmRequest | None:
        """Return the request for the contact's tickets, the latest first."""
        if access.settings.get(ATTACH.name) == "new":
            return None
        query = {"requester_id": contact.id, "order_by": "updated_at", "order_type": "desc", "per_page": "30"}
        return _request("GET", "tickets", access, query=query)

    def parent_of(self, reply: CrmReply) -> str | None:
        """Read the latest ticket that is neither resolved nor closed."""
        for item in items_at([json_of(reply)], 0):
            status = at(item, "status")
            if isinstance(status, int) and status not in _RESOLVED:
                return id_at(item, "id")
        return None

    def contact_request(self, handover: Handover, number: str, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request that creates a contact; Freshdesk wants a name."""
        return _request("POST", "contacts", access, {"name": number, "phone": number})

    def contact_of(self, reply: CrmReply) -> Candidate | None:
        """Read the contact that was created."""
        return _candidate(json_of(reply))

    def agent_request(self, email: str, access: CrmAccess) -> CrmRequest:
        """Return the search for an agent."""
        return _request("GET", "agents", access, query={"email": email})

    def agent_of(self, reply: CrmReply, email: str) -> str | None:
        """Read the id of the agent with exactly this address."""
        for item in items_at([json_of(reply)], 0):
            if (text_at(item, "contact", "email") or "").casefold() == email.casefold():
                return id_at(item, "id")
        return None

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | Refused:
        """Return the request for a private note on the open ticket, or for a ticket."""
        if target.parent is not None:
            body: dict[str, object] = {"body": as_html(lines_of(handover)), "private": True}
            if handover.author is not None and handover.author.isdigit():
                body["user_id"] = int(handover.author)
            return _request("POST", f"tickets/{path_id(target.parent)}/notes", access, body)
        if not target.id.isdigit():
            return Refused(code="no_requester")
        ticket = {**_ticket(handover), "requester_id": int(target.id), "source": _PHONE_SOURCE}
        return _request("POST", "tickets", access, {**ticket, "status": _OPEN, "priority": _LOW})

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the note, which names its ticket, or the ticket."""
        answer = json_of(reply)
        name, ticket = id_at(answer, "id"), id_at(answer, "ticket_id")
        if name is None:
            return None
        return {"ticket": name} if ticket is None else {"ticket": ticket, "note": name}

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request for the entries of the open ticket, or for the contact's newest tickets."""
        return _probe(target, access, {})

    def probe_next(
        self,
        reply: CrmReply,
        handover: Handover,  # noqa: ARG002 - the port's
        target: Target,
        access: CrmAccess,
    ) -> CrmRequest | None:
        """Return the request for the page that the reply's header names: an old ticket has many entries."""
        found = _NEXT.search(reply.headers.get("link", "")[:_MAX_LINK])
        return None if found is None else _probe(target, access, {"page": found[1]})

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:
        """Read the note or the ticket in which the id of this hand-over stands."""
        for item in items_at([json_of(reply)], 0, most=PAGE):
            name = id_at(item, "id")
            if name is not None and target.parent and handover.id in (text_at(item, "body") or ""):
                return {"ticket": target.parent, "note": name}
            if name is not None and handover.id in (text_at(item, "description") or ""):
                return {"ticket": name}
        return None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the request that replaces the text."""
        if "note" in remote:
            body = {"body": as_html(lines_of(handover))}
            return (_request("PUT", f"conversations/{path_id(remote['note'])}", access, body),)
        return (_request("PUT", f"tickets/{path_id(remote['ticket'])}", access, _ticket(handover)),)

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the requests that blank the text, and delete a note; whether a ticket is deleted follows."""
        if "note" in remote:
            path = f"conversations/{path_id(remote['note'])}"
            return (_request("PUT", path, access, {"body": REMOVED}), _request("DELETE", path, access))
        path = f"tickets/{path_id(remote['ticket'])}"
        blank = {"subject": REMOVED, "description": REMOVED}
        reading = _request("GET", f"{path}/conversations", access, query={"per_page": str(PAGE)})
        return (_request("PUT", path, access, blank), reading)

    def follow(
        self,
        act: Act,
        reply: CrmReply,
        remote: RemoteIds,
        handover_id: str,  # noqa: ARG002 - the port's
        access: CrmAccess,
    ) -> Sequence[CrmRequest]:
        """Return the deletion of a ticket that the vault created, unless people have written on it."""
        if act == "remove" and "note" not in remote and json_of(reply) == []:
            return (_request("DELETE", f"tickets/{path_id(remote['ticket'])}", access),)
        return ()

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means."""
        answer = json_of(reply)
        code = text_at(answer, "errors", 0, "code") or text_at(answer, "code")
        return verdict_of(act, reply, code=code, field=text_at(answer, "errors", 0, "field"))

    def budget(self, reply: CrmReply) -> Budget | None:
        """Read the budget of a minute."""
        left = header_number(reply.headers.get("x-ratelimit-remaining"))
        if left is None:
            return None
        limit = header_number(reply.headers.get("x-ratelimit-total"))
        return Budget(remaining=left, limit=limit, resets_in=timedelta(minutes=1), is_window=True)


def _base(settings: Settings) -> str:
    return base_of(settings, f"https://{label_of(settings, DOMAIN.name)}.freshdesk.com")


def _request(
    method: Method, path: str, access: CrmAccess, body: object = None, query: Mapping[str, str] | None = None
) -> CrmRequest:
    return request(method, f"{_base(access.settings)}/api/v2/{path}", basic(access.token, "X"), body, query)


def _probe(target: Target, access: CrmAccess, page: Mapping[str, str]) -> CrmRequest:
    if target.parent is not None:
        query = {"per_page": str(PAGE), **page}
        return _request("GET", f"tickets/{path_id(target.parent)}/conversations", access, query=query)
    query = {
        "requester_id": target.id,
        "order_by": "created_at",
        "include": "description",
        "per_page": "30",
        **page,
    }
    return _request("GET", "tickets", access, query=query)


def _ticket(handover: Handover) -> dict[str, object]:
    lines = [line for line in lines_of(handover) if line[0] != "Notes"]
    return {"subject": title_of(handover), "description": as_html(lines)}


def _candidate(item: object) -> Candidate | None:
    contact = id_at(item, "id")
    if contact is None or at(item, "deleted") is True:
        return None
    numbers = [text_at(item, "phone"), text_at(item, "mobile")]
    return Candidate(
        kind="contact",
        id=contact,
        numbers=[one for one in numbers if one],
        name=text_at(item, "name"),
        modified_at=time_at(item, "updated_at"),
    )
