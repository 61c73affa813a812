"""Zendesk: a private comment on a ticket of the caller, an open one or a new one.

Sources: developer.zendesk.com, "Tickets", "Ticket comments" (redaction), "Search", "Rate limits", "Using PKCE",
"Working with OAuth refresh tokens". A public comment would be mailed to the caller, so every comment says that it is
private. A redaction is permanent and works on closed tickets; API tokens end in 2027 and are not taken.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.crm.code_flow import CodeFlow
from vault.crm.reading import at, code_of, field_of, id_at, items_at, json_of, text_at, time_at
from vault.crm.replies import budget_of, verdict_of
from vault.crm.requests import (
    API_BASE,
    SUBDOMAIN,
    Method,
    base_of,
    bearer,
    host_of,
    label_of,
    path_id,
    request,
)
from vault.crm.text import as_html, lines_of, title_of
from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Gone, Refused, Residue, Unclear, Verdict
from vault.ports.crm import CrmSystem, FormField, Settings

SCOPES: Final = ("read", "write")
#: Comments on a page: the most.
PAGE: Final = 100
_NEXT: Final = re.compile(r"[?&]page=([1-9][0-9]{0,2})(?![0-9])")
_EXTERNAL: Final = "callvault:"
_OPEN: Final = frozenset({"new", "open", "pending", "hold"})
_TAG: Final = re.compile(r"(<[^<>]*>)")
_LINK: Final = re.compile(r"<a(?=[\s>])", re.IGNORECASE)
_CLOSED: Final = "ticket_closed"
#: What stands in the place of text that was redacted.
_BLACK: Final = "\u2587"

SUBDOMAIN_FIELD: Final = FormField(
    name="subdomain", pattern=SUBDOMAIN, rule="the first part of your Zendesk address, such as example"
)
ATTACH: Final = FormField(
    name="attach",
    pattern=re.compile(r"open|new"),
    rule="open (a comment on the caller's open ticket, if there is one) or new (always a new ticket)",
    is_required=False,
)


@dataclass(frozen=True, slots=True)
class Zendesk(CrmSystem):
    """The system ``zendesk``. It has no state."""

    name: str = "zendesk"
    title: str = "Zendesk"
    key_field: FormField | None = None
    keeps_after_edit: frozenset[Residue] = frozenset()
    #: A ticket of its own lies in the list of deleted tickets, with its subject and a comment that is redacted.
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.RECYCLE_BIN})
    probe_lag: timedelta = timedelta(seconds=30)

    @property
    def oauth(self) -> CodeFlow:
        """Return its OAuth. A refresh ends the former access token and refresh token."""
        return CodeFlow(
            authorize=lambda settings: _base(settings) + "/oauth/authorizations/new",
            token=lambda settings: _base(settings) + "/oauth/tokens",
            scopes=SCOPES,
            client_in="json",
            sends={"scope": " ".join(SCOPES)},
            rotates=True,
            unused_life=timedelta(days=30),
        )

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the account, and the tickets to which comments go."""
        return (SUBDOMAIN_FIELD, ATTACH, API_BASE)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return the account's host."""
        return (host_of(_base(settings)),)

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return one search: the digits at the end of a number, so that any spelling without blanks is found."""
        query = {"query": f"role:end-user phone:*{number.significant}", "per_page": "50"}
        return (_request("GET", "search.json", access, query=query),)

    def candidates(self, reply: CrmReply) -> CandidatePage:
        """Read the hits."""
        answer = json_of(reply)
        return CandidatePage(
            candidates=[hit for item in items_at(answer, "results") if (hit := _candidate(item))],
            is_cut=text_at(answer, "next_page") is not None,
        )

    def parent_request(self, contact: Candidate, access: CrmAccess) -> CrmRequest | None:
        """Return the request for the caller's tickets, the latest first."""
        if access.settings.get(ATTACH.name) == "new":
            return None
        query = {"sort_by": "updated_at", "sort_order": "desc", "per_page": "25"}
        return _request("GET", f"users/{path_id(contact.id)}/tickets/requested.json", access, query=query)

    def parent_of(self, reply: CrmReply) -> str | None:
        """Read the latest ticket that takes comments."""
        for item in items_at(json_of(reply), "tickets"):
            if text_at(item, "status") in _OPEN:
                return id_at(item, "id")
        return None

    def contact_request(self, handover: Handover, number: str, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request that creates an end user; Zendesk wants a name."""
        user = {"name": number, "phone": number, "role": "end-user", "skip_verify_email": True}
        return _request("POST", "users.json", access, {"user": user})

    def contact_of(self, reply: CrmReply) -> Candidate | None:
        """Read the user that was created."""
        return _candidate(at(json_of(reply), "user"))

    def agent_request(self, email: str, access: CrmAccess) -> CrmRequest:
        """Return the search for an agent."""
        return _request("GET", "users/search.json", access, query={"query": f'email:"{email}"'})

    def agent_of(self, reply: CrmReply, email: str) -> str | None:
        """Read the id of the agent with exactly this address."""
        for item in items_at(json_of(reply), "users"):
            is_agent = text_at(item, "role") in {"agent", "admin"}
            if is_agent and (text_at(item, "email") or "").casefold() == email.casefold():
                return id_at(item, "id")
        return None

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | Refused:
        """Return the request for a private comment on the open ticket, or for a new ticket."""
        comment = _comment(handover)
        if target.parent is not None:
            return _request(
                "PUT", f"tickets/{path_id(target.parent)}.json", access, {"ticket": {"comment": comment}}
            )
        if not target.id:
            return Refused(code="no_requester")
        ticket = {
            "subject": title_of(handover),
            "requester_id": int(target.id) if target.id.isdigit() else target.id,
            "external_id": _EXTERNAL + handover.id,
            "comment": comment,
        }
        return _request("POST", "tickets.json", access, {"ticket": ticket}, key=handover.id)

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the ticket. Comments are found by the id in their text."""
        return _ids(at(json_of(reply), "ticket"))

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:
        """Return the request for the comments of the open ticket, or for a ticket by its external id."""
        if target.parent is not None:
            return _comments(target.parent, access)
        return _request("GET", "tickets.json", access, query={"external_id": _EXTERNAL + handover.id})

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:
        """Read the ticket whose external id or comment has the id of this hand-over."""
        answer = json_of(reply)
        for item in items_at(answer, "tickets"):
            if text_at(item, "external_id") == _EXTERNAL + handover.id:
                return _ids(item)
        if target.parent and any(
            handover.id in (text_at(one, "body") or "") for one in items_at(answer, "comments", most=PAGE)
        ):
            return {"ticket": target.parent}
        return None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the requests that redact the former comments, and add one."""
        ticket = {"ticket": {"comment": _comment(handover)}}
        path = f"tickets/{path_id(remote['ticket'])}.json"
        return (_comments(remote["ticket"], access), _request("PUT", path, access, ticket))

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the request that reads the comments; what is to be redacted and deleted follows from them."""
        return (_comments(remote["ticket"], access),)

    def follow(
        self, act: Act, reply: CrmReply, remote: RemoteIds, handover_id: str, access: CrmAccess
    ) -> Sequence[CrmRequest]:
        """Return a redaction of each comment of this hand-over, once they were read, and the next page of comments.

        A ticket that the vault created is deleted, unless people have written on it since, or it has a second page.
        """
        answer = json_of(reply)
        items = items_at(answer, "comments", most=PAGE)
        if act not in {"update", "remove"} or at(answer, "comments") is None:
            return ()
        own = [item for item in items if handover_id in (text_at(item, "body") or "")]
        requests = [
            _redaction(remote["ticket"], comment, text_at(item, "html_body") or "", access)
            for item in own
            if (comment := id_at(item, "id"))
        ]
        if further := _NEXT.search((text_at(answer, "next_page") or "")[:1000]):
            return [*requests, _comments(remote["ticket"], access, page=further[1])]
        black = sum(_BLACK in (text_at(item, "body") or "") for item in items)
        is_alone = text_at(answer, "previous_page") is None and len(own) + black >= len(items)
        if act == "remove" and "own" in remote and is_alone:
            requests.append(_request("DELETE", f"tickets/{path_id(remote['ticket'])}.json", access))
        return requests

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means. A closed ticket takes no comment, so a creation needs another target."""
        answer = json_of(reply)
        details = at(answer, "details")
        field = next(iter(details), None) if isinstance(details, dict) else None
        code = code_of(text_at(answer, "error") or text_at(answer, "error", "title"))
        if act == "create" and "idempoten" in code:
            return Unclear()
        verdict = verdict_of(act, reply, code=code, field=field_of(field))
        if isinstance(verdict, Refused) and "closed prevents" in (
            text_at(details, "status", 0, "description") or ""
        ):
            return Gone() if act == "create" else Refused(code=_CLOSED)
        return verdict

    def budget(self, reply: CrmReply) -> Budget | None:
        """Read the budget of a minute."""
        return budget_of(
            reply, remaining="ratelimit-remaining", limit="ratelimit-limit", resets="ratelimit-reset"
        )


def _base(settings: Settings) -> str:
    return base_of(settings, f"https://{label_of(settings, 'subdomain')}.zendesk.com")


def _request(
    method: Method,
    path: str,
    access: CrmAccess,
    body: object = None,
    *,
    query: Mapping[str, str] | None = None,
    key: str | None = None,
) -> CrmRequest:
    headers = {**bearer(access.token), **({} if key is None else {"Idempotency-Key": key})}
    return request(method, f"{_base(access.settings)}/api/v2/{path}", headers, body, query)


def _comment(handover: Handover) -> Mapping[str, object]:
    comment: dict[str, object] = {"html_body": as_html(lines_of(handover)), "public": False}
    if handover.author is not None and handover.author.isdigit():
        comment["author_id"] = int(handover.author)
    return comment


def _comments(ticket: str, access: CrmAccess, page: str = "1") -> CrmRequest:
    query = {"sort_order": "desc", "per_page": str(PAGE), "page": page}
    return _request("GET", f"tickets/{path_id(ticket)}/comments.json", access, query=query)


def _redaction(ticket: str, comment: str, written: str, access: CrmAccess) -> CrmRequest:
    """Return the request that redacts every text and link of a comment; its elements must stay as they are."""
    pieces = [
        _LINK.sub("<a redact", piece) if piece.startswith("<") else f"<redact>{piece}</redact>"
        for piece in _TAG.split(written)
        if piece
    ]
    number = int(ticket) if ticket.isdigit() else ticket
    body = {"ticket_id": number, "html_body": "".join(pieces) or html.escape(written)}
    return _request("PUT", f"comment_redactions/{path_id(comment)}.json", access, body)


def _ids(ticket: object) -> RemoteIds | None:
    number = id_at(ticket, "id")
    if number is None:
        return None
    is_own = (text_at(ticket, "external_id") or "").startswith(_EXTERNAL)
    return {"ticket": number, **({"own": "yes"} if is_own else {})}


def _candidate(item: object) -> Candidate | None:
    user = id_at(item, "id")
    if user is None:
        return None
    phone = text_at(item, "phone")
    return Candidate(
        kind="end-user",
        id=user,
        numbers=[phone] if phone else [],
        name=text_at(item, "name"),
        modified_at=time_at(item, "updated_at"),
    )
