"""Intercom: a note of an admin in the contact's open conversation, or a ticket.

Source: Intercom's OpenAPI 2.16 (MIT): contacts, conversations, tickets, admins. Notes beside a contact can neither be
changed nor deleted there, and its calls can only be read, so neither is used. A note is changed by redacting it, which
is for good, and writing another.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.crm.code_flow import CodeFlow
from vault.crm.reading import at, id_at, items_at, json_of, text_at, time_at
from vault.crm.replies import budget_of, verdict_of
from vault.crm.requests import API_BASE, SECRET, Method, base_of, bearer, host_of, path_id, request
from vault.crm.text import REMOVED, as_html, as_plain, lines_of, title_of
from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Gone, Moved, Refused, Residue, Verdict
from vault.errors import Invalid
from vault.ports.crm import CrmSystem, FormField, Settings

VERSION: Final = "2.16"
_REGIONS: Final[Mapping[str, str]] = {"us": "", "eu": ".eu", "au": ".au"}
HITS: Final = 50
#: Parts of a conversation that a reply has at most.
MAX_PARTS: Final = 500
_CANONICAL: Final = re.compile(r"<https://[a-z.]{1,60}/contacts/([0-9a-zA-Z]{1,64})>; ?rel=\"canonical\"")

REGION: Final = FormField(
    name="region",
    pattern=re.compile("us|eu|au"),
    rule="us, eu or au: where your workspace is",
    is_required=False,
)
ADMIN: Final = FormField(
    name="admin_id",
    pattern=re.compile(r"[0-9]{1,20}"),
    rule="the id of the admin who writes for agents that Intercom does not know",
)
TICKET_TYPE: Final = FormField(
    name="ticket_type_id",
    pattern=re.compile(r"[0-9]{1,20}"),
    rule="the id of a back-office ticket type, for contacts without an open conversation",
    is_required=False,
)


@dataclass(frozen=True, slots=True)
class Intercom(CrmSystem):
    """The system ``intercom``. It has no state."""

    name: str = "intercom"
    title: str = "Intercom"
    #: A ticket shows the former values of its attributes, so also one that is not deleted because people wrote on it.
    keeps_after_edit: frozenset[Residue] = frozenset({Residue.EDIT_HISTORY})
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.EDIT_HISTORY})
    probe_lag: timedelta = timedelta(seconds=90)

    @property
    def oauth(self) -> CodeFlow:
        """Return its OAuth. Its tokens have no life, and there is no refresh token."""
        return CodeFlow(
            authorize=lambda settings: (
                base_of(settings, f"https://app{_region(settings)}.intercom.com") + "/oauth"
            ),
            token=lambda settings: _base(settings) + "/auth/eagle/token",
            scopes=(),
            has_pkce=False,
        )

    @property
    def key_field(self) -> FormField:
        """Return the field of an access token of the customer's own app."""
        return FormField(
            name="access_token", pattern=SECRET, rule="the access token of your own Intercom app"
        )

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the region, the author, and the ticket type."""
        return (ADMIN, REGION, TICKET_TYPE, API_BASE)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return the host of the region."""
        return (host_of(_base(settings)),)

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return one search. Intercom stores numbers in E.164."""
        body = {
            "query": {"field": "phone", "operator": "=", "value": number.e164},
            "pagination": {"per_page": HITS},
        }
        return (_request("POST", "contacts/search", access, body),)

    def candidates(self, reply: CrmReply) -> CandidatePage:
        """Read the hits."""
        answer = json_of(reply)
        return CandidatePage(
            candidates=[hit for item in items_at(answer, "data") if (hit := _candidate(item))],
            is_cut=at(answer, "pages", "next") is not None,
        )

    def parent_request(self, contact: Candidate, access: CrmAccess) -> CrmRequest:
        """Return the search for the contact's open conversations."""
        clauses = [
            {"field": "contact_ids", "operator": "=", "value": contact.id},
            {"field": "open", "operator": "=", "value": True},
        ]
        body = {"query": {"operator": "AND", "value": clauses}, "pagination": {"per_page": HITS}}
        return _request("POST", "conversations/search", access, body)

    def parent_of(self, reply: CrmReply) -> str | None:
        """Read the conversation that changed last."""
        dated = [
            (updated.timestamp(), name)
            for item in items_at(json_of(reply), "conversations")
            if (name := id_at(item, "id")) and (updated := time_at(item, "updated_at"))
        ]
        return max(dated)[1] if dated else None

    def contact_request(self, handover: Handover, number: str, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request that creates a lead of a number alone."""
        return _request("POST", "contacts", access, {"role": "lead", "phone": number})

    def contact_of(self, reply: CrmReply) -> Candidate | None:
        """Read the contact that was created."""
        return _candidate(json_of(reply))

    def agent_request(self, email: str, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request for the list of admins: no address leaves."""
        return _request("GET", "admins", access)

    def agent_of(self, reply: CrmReply, email: str) -> str | None:
        """Read the id of the admin with exactly this address."""
        for item in items_at(json_of(reply), "admins", most=MAX_PARTS):
            if (text_at(item, "email") or "").casefold() == email.casefold():
                return id_at(item, "id")
        return None

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | Refused:
        """Return the request for a note in the open conversation, or for a ticket."""
        if target.parent is not None:
            return _note(target.parent, handover, access)
        kind = access.settings.get(TICKET_TYPE.name)
        if kind is None or not target.id:
            return Refused(code="no_open_conversation")
        body = {
            "ticket_type_id": kind,
            "contacts": [{"id": target.id}],
            "ticket_attributes": _attributes(handover),
            "skip_notifications": True,
        }
        return _request("POST", "tickets", access, body)

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the conversation or the ticket. A note is found by the id in its text."""
        return _ids(json_of(reply))

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:
        """Return the request for the conversation, or the search for tickets of the contact since the call."""
        if target.parent is not None:
            return _request("GET", f"conversations/{path_id(target.parent)}", access)
        clauses = [
            {"field": "contact_ids", "operator": "=", "value": target.id},
            {"field": "created_at", "operator": ">", "value": int(handover.started_at.timestamp())},
        ]
        body = {"query": {"operator": "AND", "value": clauses}, "pagination": {"per_page": HITS}}
        return _request("POST", "tickets/search", access, body)

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:  # noqa: ARG002 - the port's
        """Read the conversation or ticket in which the id of this hand-over stands."""
        answer = json_of(reply)
        for item in items_at(answer, "tickets"):
            if handover.id in (text_at(item, "ticket_attributes", "_default_description_") or ""):
                return _ids(item)
        return _ids(answer) if _parts(answer, handover.id) else None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the request that writes another note, or the attributes of the ticket. Former notes follow."""
        if "ticket" in remote:
            body = {"ticket_attributes": _attributes(handover), "skip_notifications": True}
            return (_request("PUT", f"tickets/{path_id(remote['ticket'])}", access, body),)
        return (_note(remote["conversation"], handover, access),)

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the request that reads what is to be redacted or deleted."""
        kind = "ticket" if "ticket" in remote else "conversation"
        return (_request("GET", f"{kind}s/{path_id(remote[kind])}", access),)

    def follow(
        self, act: Act, reply: CrmReply, remote: RemoteIds, handover_id: str, access: CrmAccess
    ) -> Sequence[CrmRequest]:
        """Return the redactions of the notes that were read; a ticket is deleted unless people have written on it."""
        answer = json_of(reply)
        if "ticket" in remote:
            path = f"tickets/{path_id(remote['ticket'])}"
            if act != "remove" or id_at(answer, "id") is None or at(answer, "deleted") is True:
                return ()
            blank = {"_default_title_": REMOVED, "_default_description_": REMOVED}
            if _is_answered(answer):
                is_blank = handover_id not in (
                    text_at(answer, "ticket_attributes", "_default_description_") or ""
                )
                return () if is_blank else (_request("PUT", path, access, {"ticket_attributes": blank}),)
            return (_request("DELETE", path, access),)
        notes = _parts(answer, handover_id)
        # Each answer has the whole conversation, so one after the other is redacted; the newest is the update itself.
        left = notes[:-1] if act == "update" else notes
        named = {"type": "conversation_part", "conversation_id": remote["conversation"]}
        return [
            _request("POST", "conversations/redact", access, {**named, "conversation_part_id": part})
            for part in left[:1]
        ]

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means. A contact that was merged answers 410 and names the other."""
        answer = json_of(reply)
        code = text_at(answer, "errors", 0, "code")
        if code == "contact_merged":
            found = _CANONICAL.match(reply.headers.get("link", "")[:300])
            return Moved(ids={"contact": found[1]}) if found else Gone()
        return verdict_of(act, reply, code=code, field=text_at(answer, "errors", 0, "field"))

    def budget(self, reply: CrmReply) -> Budget | None:
        """Read the budget of the window."""
        names = {
            "remaining": "x-ratelimit-remaining",
            "limit": "x-ratelimit-limit",
            "resets": "x-ratelimit-reset",
        }
        return budget_of(reply, **names)


def _region(settings: Settings) -> str:
    region = settings.get(REGION.name, "us")
    if region not in _REGIONS:
        raise Invalid(f"region must be {REGION.rule}.", field=REGION.name)
    return _REGIONS[region]


def _base(settings: Settings) -> str:
    return base_of(settings, f"https://api{_region(settings)}.intercom.io")


def _request(method: Method, path: str, access: CrmAccess, body: object = None) -> CrmRequest:
    headers = {**bearer(access.token), "Intercom-Version": VERSION}
    return request(method, f"{_base(access.settings)}/{path}", headers, body)


def _note(conversation: str, handover: Handover, access: CrmAccess) -> CrmRequest:
    body = {
        "message_type": "note",
        "type": "admin",
        "admin_id": handover.author or access.settings[ADMIN.name],
        "body": f"<p>{as_html(lines_of(handover))}</p>",
        "skip_notifications": True,
    }
    return _request("POST", f"conversations/{path_id(conversation)}/reply", access, body)


def _attributes(handover: Handover) -> Mapping[str, str]:
    """Return what a ticket says: without notes, since some types of tickets are shown to the contact."""
    lines = [line for line in lines_of(handover) if line[0] != "Notes"]
    return {"_default_title_": title_of(handover), "_default_description_": as_plain(lines)}


def _ids(item: object) -> RemoteIds | None:
    name, kind = id_at(item, "id"), text_at(item, "type")
    return {kind: name} if name is not None and kind in {"conversation", "ticket"} else None


def _parts(conversation: object, handover_id: str) -> Sequence[str]:
    """Return the notes of a hand-over in a conversation."""
    parts = items_at(conversation, "conversation_parts", "conversation_parts", most=MAX_PARTS)
    return [
        part for item in parts if handover_id in (text_at(item, "body") or "") and (part := id_at(item, "id"))
    ]


def _is_answered(ticket: object) -> bool:
    """Return whether people wrote on a ticket."""
    parts = items_at(ticket, "ticket_parts", "ticket_parts", most=MAX_PARTS)
    return any(text_at(item, "body") is not None for item in parts)


def _candidate(item: object) -> Candidate | None:
    contact = id_at(item, "id")
    if contact is None or at(item, "deleted") is True:
        return None
    phone = text_at(item, "phone")
    return Candidate(
        kind=text_at(item, "role") or "contact",
        id=contact,
        numbers=[phone] if phone else [],
        name=text_at(item, "name"),
        modified_at=time_at(item, "updated_at"),
    )
