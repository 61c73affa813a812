"""Front: a comment in the contact's open conversation, which colleagues alone read.

Source: Front's OpenAPI of the Core API (contacts, conversations, comments, teammates), dev.frontapp.com ("Resource
aliases", "Rate limiting"). A number without a plus is read as one of the United States, so none is sent. A comment can
be changed and not deleted: what a removal leaves is an empty one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.crm.reading import code_of, id_at, items_at, json_of, text_at
from vault.crm.replies import budget_of, verdict_of
from vault.crm.requests import API_BASE, SECRET, Method, base_of, bearer, host_of, path_id, request
from vault.crm.text import REMOVED, as_plain, lines_of
from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Gone, Moved, Refused, Residue, Verdict
from vault.ports.crm import CrmSystem, FormField, OAuth, Settings

API: Final = "https://api2.frontapp.com"
_OPEN: Final = frozenset({"assigned", "unassigned"})
_MOVED: Final = frozenset({301, 308})
_CONVERSATION: Final = re.compile(
    r"https://[0-9a-z.-]{1,120}/conversations/(cnv_[0-9a-z]{1,40})(?:/[a-z]{1,20})?"
)

AUTHOR: Final = FormField(
    name="author_id",
    pattern=re.compile(r"tea_[0-9a-z]{1,40}"),
    rule="the id of the teammate who comments for agents that Front does not know, such as tea_55c8c149",
    is_required=False,
)


@dataclass(frozen=True, slots=True)
class Front(CrmSystem):
    """The system ``front``. It has no state."""

    name: str = "front"
    title: str = "Front"
    #: OAuth is for published apps alone.
    oauth: OAuth | None = None
    keeps_after_edit: frozenset[Residue] = frozenset({Residue.EDIT_HISTORY})
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.EMPTY_RECORD, Residue.EDIT_HISTORY})
    probe_lag: timedelta = timedelta(seconds=10)

    @property
    def key_field(self) -> FormField:
        """Return the field of a company's API token."""
        return FormField(name="api_token", pattern=SECRET, rule="an API token of your company")

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the author."""
        return (AUTHOR, API_BASE)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return its one host."""
        return (host_of(base_of(settings, API)),)

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the request for the contact with the number in E.164. Front has one for each number."""
        return (_request("GET", f"contacts/{path_id(f'alt:phone:{number.e164}')}", access),)

    def candidates(self, reply: CrmReply) -> CandidatePage:
        """Read the contact."""
        answer = json_of(reply)
        contact = id_at(answer, "id")
        if contact is None or reply.status != 200:  # noqa: PLR2004 - OK
            return CandidatePage(candidates=())
        handles = [item for item in items_at(answer, "handles") if text_at(item, "source") == "phone"]
        numbers = [text_at(item, "handle") for item in handles]
        hit = Candidate(
            kind="contact", id=contact, numbers=[one for one in numbers if one], name=text_at(answer, "name")
        )
        return CandidatePage(candidates=(hit,))

    def parent_request(self, contact: Candidate, access: CrmAccess) -> CrmRequest:
        """Return the request for the contact's conversations, the latest first."""
        return _request("GET", f"contacts/{path_id(contact.id)}/conversations", access, query={"limit": "50"})

    def parent_of(self, reply: CrmReply) -> str | None:
        """Read the latest that is neither archived nor deleted."""
        for item in items_at(json_of(reply), "_results"):
            if text_at(item, "status") in _OPEN:
                return id_at(item, "id")
        return None

    def contact_request(self, handover: Handover, number: str, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request that creates a contact of a number alone."""
        return _request("POST", "contacts", access, {"handles": [{"source": "phone", "handle": number}]})

    def contact_of(self, reply: CrmReply) -> Candidate | None:
        """Read the contact that was created."""
        contact = id_at(json_of(reply), "id")
        return None if contact is None else Candidate(kind="contact", id=contact, numbers=())

    def agent_request(self, email: str, access: CrmAccess) -> CrmRequest:
        """Return the request for the teammate of an address."""
        return _request("GET", f"teammates/{path_id(f'alt:email:{email}')}", access)

    def agent_of(self, reply: CrmReply, email: str) -> str | None:
        """Read the id of the teammate with exactly this address."""
        answer = json_of(reply)
        is_same = (text_at(answer, "email") or "").casefold() == email.casefold()
        return id_at(answer, "id") if is_same else None

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | Refused:
        """Return the request for a comment."""
        if target.parent is None:
            return Refused(code="no_open_conversation")
        body = {"body": _text(handover)}
        if author := handover.author or access.settings.get(AUTHOR.name):
            body["author_id"] = author
        return _request("POST", f"conversations/{path_id(target.parent)}/comments", access, body)

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the id of the comment."""
        comment = id_at(json_of(reply), "id")
        return None if comment is None else {"comment": comment}

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request for the conversation's comments."""
        return _request("GET", f"conversations/{path_id(target.parent or 'none')}/comments", access)

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:  # noqa: ARG002 - the port's
        """Read the comment in which the id of this hand-over stands."""
        for item in items_at(json_of(reply), "_results", most=500):
            if handover.id in (text_at(item, "body") or "") and (comment := id_at(item, "id")):
                return {"comment": comment}
        return None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the request that replaces the comment."""
        return (
            _request("PATCH", f"comments/{path_id(remote['comment'])}/", access, {"body": _text(handover)}),
        )

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the request that blanks the comment."""
        return (_request("PATCH", f"comments/{path_id(remote['comment'])}/", access, {"body": REMOVED}),)

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means. A conversation that was merged answers 301 and names the other."""
        if reply.status in _MOVED:
            found = _CONVERSATION.fullmatch(reply.headers.get("location", "")[:300])
            return Moved(ids={"parent": found[1]}) if found else Gone()
        title = text_at(json_of(reply), "_error", "title")
        return verdict_of(act, reply, code=None if title is None else code_of(title))

    def budget(self, reply: CrmReply) -> Budget | None:
        """Read the budget of a minute."""
        names = {
            "remaining": "x-ratelimit-remaining",
            "limit": "x-ratelimit-limit",
            "resets": "x-ratelimit-reset",
        }
        return budget_of(reply, **names)


def _request(
    method: Method, path: str, access: CrmAccess, body: object = None, query: Mapping[str, str] | None = None
) -> CrmRequest:
    return request(method, f"{base_of(access.settings, API)}/{path}", bearer(access.token), body, query)


def _text(handover: Handover) -> str:
    """Return the lines. An at sign would mention a colleague."""
    return as_plain(lines_of(handover)).replace("@", "(at)")
