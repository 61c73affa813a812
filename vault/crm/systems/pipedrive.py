"""Pipedrive: a done activity of the type call, beside a person.

Sources: Pipedrive's OpenAPI of version 2 by its client for Node.js (``activities``, ``persons``), pipedrive.readme.io
("OAuth authorization", "Rate limiting", "API token"). Its search compares text, so several spellings are tried. The
calls of version 1 (``callLogs``) cannot be changed, and take the audio, so they are not used.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final
from urllib.parse import urlsplit

from vault.crm.code_flow import CodeFlow
from vault.crm.reading import at, code_of, header_number, id_at, items_at, json_of, text_at
from vault.crm.replies import asked_wait, budget_of, verdict_of
from vault.crm.requests import (
    API_BASE,
    SECRET,
    SUBDOMAIN,
    Method,
    base_of,
    bearer,
    host_of,
    label_of,
    path_id,
    request,
)
from vault.crm.text import REMOVED, as_html, lines_of, title_of
from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Refused, Residue, Verdict, Wait
from vault.ports.crm import CrmSystem, FormField, Pace, Settings

SIGN_IN: Final = "https://oauth.pipedrive.com"
HITS: Final = 50
_TOO_MANY: Final = 429
_MINUTES: Final = 60
_DOMAIN: Final = re.compile(r"https://([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\.pipedrive\.com")

COMPANY: Final = FormField(
    name="company",
    pattern=SUBDOMAIN,
    rule="the first part of your Pipedrive address, such as example; it is learnt at the sign-in",
    is_required=False,
)


@dataclass(frozen=True, slots=True)
class Pipedrive(CrmSystem):
    """The system ``pipedrive``. It has no state."""

    name: str = "pipedrive"
    title: str = "Pipedrive"
    keeps_after_edit: frozenset[Residue] = frozenset({Residue.EDIT_HISTORY})
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.RECYCLE_BIN, Residue.EDIT_HISTORY})
    probe_lag: timedelta = timedelta(seconds=10)

    @property
    def oauth(self) -> CodeFlow:
        """Return its OAuth. Scopes are those of the app; a refresh token dies after 60 days without use."""
        return CodeFlow(
            authorize=lambda settings: base_of(settings, SIGN_IN) + "/oauth/authorize",
            token=lambda settings: base_of(settings, SIGN_IN) + "/oauth/token",
            scopes=(),
            has_pkce=False,
            client_in="header",
            usual_life=timedelta(minutes=60),
            unused_life=timedelta(days=60),
            learn=_learn,
        )

    @property
    def key_field(self) -> FormField:
        """Return the field of a personal API token, which is sent in a header alone."""
        return FormField(name="api_token", pattern=SECRET, rule="a personal API token")

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the company."""
        return (COMPANY, API_BASE)

    @property
    def paces(self) -> Sequence[Pace]:
        """Return that a token takes ten searches in two seconds."""
        return (Pace(path="/persons/search", limit=10, per=timedelta(seconds=2)),)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return the company's host."""
        return (host_of(_base(settings)),)

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return a search for each spelling in which people write numbers."""
        forms = (
            number.e164,
            number.national,
            number.spaced_national,
            number.spaced_international,
            number.digits,
        )
        return [
            _request(
                "GET",
                "persons/search",
                access,
                query={"term": form, "fields": "phone", "exact_match": "true"},
            )
            for form in dict.fromkeys(forms)
        ]

    def candidates(self, reply: CrmReply) -> CandidatePage:
        """Read the hits."""
        answer = json_of(reply)
        items = [at(one, "item") for one in items_at(answer, "data", "items")]
        return CandidatePage(
            candidates=[hit for item in items if (hit := _candidate(item))],
            is_cut=text_at(answer, "additional_data", "next_cursor") is not None,
        )

    def contact_request(self, handover: Handover, number: str, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request that creates a person; Pipedrive wants a name."""
        body = {"name": number, "phones": [{"value": number, "primary": True, "label": "work"}]}
        return _request("POST", "persons", access, body)

    def contact_of(self, reply: CrmReply) -> Candidate | None:
        """Read the person that was created."""
        return _candidate(at(json_of(reply), "data"))

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | Refused:
        """Return the request that creates the activity."""
        if not target.id.isdigit():
            return Refused(code="no_person")
        started = handover.started_at.astimezone(UTC)
        fields = {
            **_fields(handover),
            "type": "call",
            "done": True,
            "due_date": f"{started:%Y-%m-%d}",
            "due_time": f"{started:%H:%M}",
            "participants": [{"person_id": int(target.id), "primary": True}],
        }
        if handover.author is not None and handover.author.isdigit():
            fields["owner_id"] = int(handover.author)
        return _request("POST", "activities", access, fields)

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the id of the activity."""
        activity = id_at(json_of(reply), "data", "id")
        return None if activity is None else {"activity": activity}

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request for the newest activities of the person."""
        query = {"person_id": target.id, "sort_by": "add_time", "sort_direction": "desc", "limit": str(HITS)}
        return _request("GET", "activities", access, query=query)

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:  # noqa: ARG002 - the port's
        """Read the activity whose note has the id of this hand-over."""
        for item in items_at(json_of(reply), "data"):
            if handover.id in (text_at(item, "note") or "") and (activity := id_at(item, "id")):
                return {"activity": activity}
        return None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the request that replaces the subject and the note."""
        return (_request("PATCH", f"activities/{path_id(remote['activity'])}", access, _fields(handover)),)

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the requests that blank the activity, and then delete it."""
        path = f"activities/{path_id(remote['activity'])}"
        blank = {"subject": REMOVED, "note": REMOVED, "duration": "00:00"}
        return (_request("PATCH", path, access, blank), _request("DELETE", path, access))

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means. 429 says in a header of its own when requests are taken again."""
        answer = json_of(reply)
        if reply.status == _TOO_MANY:
            seconds = header_number(reply.headers.get("x-ratelimit-reset"))
            known = None if seconds is None else timedelta(seconds=min(max(1, seconds), 6 * 3600))
            return Wait(asked=asked_wait(reply) or known)
        if at(answer, "success") is False:
            return verdict_of(act, reply, code=code_of(text_at(answer, "code") or text_at(answer, "error")))
        return verdict_of(act, reply)

    def budget(self, reply: CrmReply) -> Budget | None:
        """Read the budget of two seconds."""
        return budget_of(
            reply, remaining="x-ratelimit-remaining", limit="x-ratelimit-limit", resets="x-ratelimit-reset"
        )


def _base(settings: Settings) -> str:
    return base_of(settings, f"https://{label_of(settings, COMPANY.name)}.pipedrive.com")


def _learn(settings: Settings, answer: object) -> Mapping[str, str]:
    """Return the company by the host that the reply names for its API."""
    address = text_at(answer, "api_domain")
    if address is None or "api_base" in settings:
        return {}
    parts = urlsplit(address[:300])
    found = _DOMAIN.fullmatch(f"{parts.scheme}://{parts.netloc.lower()}")
    if found is None:
        raise ValueError("The host is not Pipedrive's.")
    return {COMPANY.name: found[1]}


def _request(
    method: Method, path: str, access: CrmAccess, body: object = None, query: Mapping[str, str] | None = None
) -> CrmRequest:
    headers = bearer(access.token) if access.by == "oauth" else {"x-api-token": access.token}
    return request(method, f"{_base(access.settings)}/api/v2/{path}", headers, body, query)


def _fields(handover: Handover) -> dict[str, object]:
    length = handover.duration if handover.state == "present" else None
    minutes = 0 if length is None else int(length.total_seconds()) // _MINUTES
    return {
        "subject": title_of(handover),
        "note": as_html(lines_of(handover)),
        "duration": f"{minutes // _MINUTES:02}:{minutes % _MINUTES:02}",
    }


def _candidate(item: object) -> Candidate | None:
    person = id_at(item, "id")
    if person is None:
        return None
    # A search returns texts, a person that was created objects.
    phones = [one if isinstance(one, str) else text_at(one, "value") for one in items_at(item, "phones")]
    return Candidate(
        kind="person", id=person, numbers=[one for one in phones if one], name=text_at(item, "name")
    )
