"""Help Scout: a conversation of the type phone with one note, closed from the beginning.

Sources: developer.helpscout.com/mailbox-api (customers search v3, conversations, threads, authentication, rate limit).
The text of a note can be changed, and people can read what it said before; so the vault has a conversation of its own,
which it can delete. One that was merged into another, or in which people wrote, is not deleted.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.crm.code_flow import CodeFlow
from vault.crm.reading import at, header_number, id_at, is_id, items_at, json_of, text_at, time_at
from vault.crm.replies import asked_wait, verdict_of
from vault.crm.requests import API_BASE, Method, base_of, bearer, host_of, path_id, request
from vault.crm.text import REMOVED, as_html, lines_of, title_of
from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Gone, Moved, Refused, Residue, Verdict, Wait
from vault.ports.crm import CrmSystem, FormField, Settings
from vault.rfc3339 import write_rfc3339

API: Final = "https://api.helpscout.net"
_TOO_MANY: Final = 429
_MOVED: Final = frozenset({301, 308})
_CONVERSATION: Final = re.compile(r"https://[0-9a-z.-]{1,120}/v2/conversations/([0-9]{1,20})")
#: Threads that only say what happened.
_EVENTS: Final = frozenset({"lineitem"})
_THREADS: Final = 100

MAILBOX: Final = FormField(
    name="mailbox_id", pattern=re.compile(r"[1-9][0-9]{0,19}"), rule="the id of the inbox for calls"
)


@dataclass(frozen=True, slots=True)
class HelpScout(CrmSystem):
    """The system ``helpscout``. It has no state."""

    name: str = "helpscout"
    title: str = "Help Scout"
    key_field: FormField | None = None
    keeps_after_edit: frozenset[Residue] = frozenset({Residue.EDIT_HISTORY})
    #: Where people wrote in the conversation, so that it is not deleted.
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.EDIT_HISTORY})
    probe_lag: timedelta = timedelta(seconds=60)

    @property
    def oauth(self) -> CodeFlow:
        """Return its OAuth. An access token lives for two days; what an app may do is that of its user."""
        return CodeFlow(
            authorize=lambda settings: (
                base_of(settings, "https://secure.helpscout.net")
                + "/authentication/authorizeClientApplication"
            ),
            token=lambda settings: base_of(settings, API) + "/v2/oauth2/token",
            scopes=(),
            has_pkce=False,
            usual_life=timedelta(days=2),
        )

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the inbox."""
        return (MAILBOX, API_BASE)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return its one host."""
        return (host_of(base_of(settings, API)),)

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return one search for every usual spelling."""
        forms = (
            number.e164, number.digits, number.national, number.significant, number.spaced_national,
            number.spaced_international,
        )  # fmt: skip
        spelled = " OR ".join(f'"{form}"' for form in dict.fromkeys(forms))
        return (_request("GET", "v3/customers/search", access, query={"query": f"phone:({spelled})"}),)

    def candidates(self, reply: CrmReply) -> CandidatePage:
        """Read the hits."""
        answer = json_of(reply)
        items = items_at(answer, "_embedded", "customers")
        return CandidatePage(
            candidates=[hit for item in items if (hit := _candidate(item))],
            is_cut=at(answer, "_links", "next") is not None,
        )

    def agent_request(self, email: str, access: CrmAccess) -> CrmRequest:
        """Return the search for a user."""
        return _request("GET", "v2/users", access, query={"email": email})

    def agent_of(self, reply: CrmReply, email: str) -> str | None:
        """Read the id of the user with exactly this address."""
        for item in items_at(json_of(reply), "_embedded", "users"):
            if (text_at(item, "email") or "").casefold() == email.casefold():
                return id_at(item, "id")
        return None

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | Refused:
        """Return the request that creates the conversation. It is imported, so that nobody gets a mail."""
        if not target.id.isdigit():
            return Refused(code="no_customer")
        note: dict[str, object] = {"type": "note", "text": as_html(lines_of(handover))}
        if handover.author is not None and handover.author.isdigit():
            note["user"] = int(handover.author)
        body = {
            "subject": title_of(handover),
            "customer": {"id": int(target.id)},
            "mailboxId": int(access.settings[MAILBOX.name]),
            "type": "phone",
            "status": "closed",
            "imported": True,
            "createdAt": write_rfc3339(handover.started_at, "seconds"),
            "threads": [note],
        }
        return _request("POST", "v2/conversations", access, body)

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the id of the conversation, which stands in a header."""
        name = reply.headers.get("resource-id", "")
        return {"conversation": name} if name.isdigit() and is_id(name) else None

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request for the closed conversations of the inbox since the call, with their threads."""
        return _probe(handover, access, 1)

    def probe_next(
        self,
        reply: CrmReply,
        handover: Handover,
        target: Target,  # noqa: ARG002 - the port's
        access: CrmAccess,
    ) -> CrmRequest | None:
        """Return the request for the next page: in a busy inbox, many conversations are closed after a call."""
        page, pages = (at(json_of(reply), "page", name) for name in ("number", "totalPages"))
        if not (isinstance(page, int) and isinstance(pages, int) and 0 < page < pages):
            return None
        return _probe(handover, access, page + 1)

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:  # noqa: ARG002 - the port's
        """Read the conversation in which the id of this hand-over stands."""
        for item in items_at(json_of(reply), "_embedded", "conversations"):
            own, _ = _threads(item, handover.id)
            if own and (name := id_at(item, "id")):
                return {"conversation": name}
        return None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the requests that write another note, and read the former ones, which are blanked."""
        body = {"text": as_html(lines_of(handover))}
        path = f"v2/conversations/{path_id(remote['conversation'])}/notes"
        return (_request("POST", path, access, body), _reading(remote, access))

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the request that reads the threads. It tells, too, whether the conversation was merged."""
        return (_reading(remote, access),)

    def follow(
        self, act: Act, reply: CrmReply, remote: RemoteIds, handover_id: str, access: CrmAccess
    ) -> Sequence[CrmRequest]:
        """Return the deletion of the conversation; where people wrote in it, and after a change, blank notes.

        A note that is blank keeps the id of the hand-over, so that it is known for the vault's own.
        """
        answer = json_of(reply)
        if id_at(answer, "id") is None:
            return ()
        own, others = _threads(answer, handover_id)
        if act == "remove" and not others:
            return (_request("DELETE", f"v2/conversations/{path_id(remote['conversation'])}", access),)
        newest = max((int(thread) for thread in own), default=0) if act == "update" else 0
        path = f"v2/conversations/{path_id(remote['conversation'])}/threads"
        blank = {"op": "replace", "path": "/text", "value": f"{REMOVED} {handover_id}"}
        return [
            _request("PATCH", f"{path}/{path_id(thread)}", access, blank)
            for thread, text in own.items()
            if int(thread) != newest and REMOVED not in text
        ]

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means. To be read, a conversation that was merged answers 301 and names the other."""
        if reply.status in _MOVED:
            found = _CONVERSATION.fullmatch(reply.headers.get("location", "")[:300])
            return Moved(ids={"conversation": found[1]}) if found else Gone()
        if reply.status == _TOO_MANY:
            return Wait(asked=asked_wait(reply, "x-ratelimit-retry-after") or asked_wait(reply))
        answer = json_of(reply)
        errors = items_at(answer, "_embedded", "errors")
        return verdict_of(act, reply, code=text_at(answer, "error"), field=text_at(list(errors), 0, "path"))

    def budget(self, reply: CrmReply) -> Budget | None:
        """Read the budget of a minute; a write costs two."""
        left = header_number(reply.headers.get("x-ratelimit-remaining-minute"))
        if left is None:
            return None
        limit = header_number(reply.headers.get("x-ratelimit-limit-minute"))
        return Budget(remaining=left, limit=limit, resets_in=timedelta(minutes=1), is_window=True)


def _request(
    method: Method, path: str, access: CrmAccess, body: object = None, query: Mapping[str, str] | None = None
) -> CrmRequest:
    return request(method, f"{base_of(access.settings, API)}/{path}", bearer(access.token), body, query)


def _probe(handover: Handover, access: CrmAccess, page: int) -> CrmRequest:
    query = {
        "mailbox": access.settings[MAILBOX.name],
        "status": "closed",
        "modifiedSince": write_rfc3339(handover.started_at, "seconds"),
        "sortField": "modifiedAt",
        "sortOrder": "desc",
        "embed": "threads",
        "page": str(page),
    }
    return _request("GET", "v2/conversations", access, query=query)


def _reading(remote: RemoteIds, access: CrmAccess) -> CrmRequest:
    path = f"v2/conversations/{path_id(remote['conversation'])}"
    return _request("GET", path, access, query={"embed": "threads"})


def _threads(conversation: object, handover_id: str) -> tuple[Mapping[str, str], int]:
    """Return the texts of a hand-over's notes by their ids, and how many threads of others there are."""
    own: dict[str, str] = {}
    others = 0
    for item in items_at(conversation, "_embedded", "threads", most=_THREADS):
        text, thread = text_at(item, "body") or text_at(item, "text") or "", id_at(item, "id")
        if handover_id in text and thread is not None and thread.isdigit():
            own[thread] = text
        elif text_at(item, "type") not in _EVENTS:
            others += 1
    return own, others


def _candidate(item: object) -> Candidate | None:
    customer = id_at(item, "id")
    if customer is None:
        return None
    phones = [*items_at(item, "_embedded", "phones"), *items_at(item, "phones")]
    numbers = [text_at(one, "value") for one in phones]
    names = [text_at(item, "firstName"), text_at(item, "lastName")]
    return Candidate(
        kind="customer",
        id=customer,
        numbers=[one for one in numbers if one],
        name=" ".join(one for one in names if one) or None,
        modified_at=time_at(item, "updatedAt"),
    )
