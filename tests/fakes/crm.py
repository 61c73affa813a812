"""A CRM in memory and its adapter: contacts with numbers as they were typed, records, and faults on demand."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from vault.crm.code_flow import CodeFlow
from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import (
    Accepted,
    Gone,
    Moved,
    Refused,
    Residue,
    Unauthorized,
    Unclear,
    Verdict,
    Wait,
)
from vault.domain.outbox.attempt import Answer
from vault.errors import FetchFailed, Invalid
from vault.ports.crm import CrmSystem, FormField, OAuth
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import VaultRequest

HOST: Final = "notebook.example"
KEY: Final = "nb-secret"


_KEY_FIELD: Final = FormField(name="key", pattern=re.compile("nb-[a-z]{1,40}"), rule="nb- and letters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook(CrmSystem):
    """The adapter. Its records keep a history of their text."""

    name: str = "notebook"
    title: str = "Notebook"
    oauth: OAuth | None = None
    key_field: FormField | None = _KEY_FIELD
    settings_fields: Sequence[FormField] = ()
    keeps_after_edit: frozenset[Residue] = frozenset()
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.RECYCLE_BIN})
    probe_lag: timedelta = timedelta(seconds=90)

    def hosts(self, settings: Mapping[str, str]) -> tuple[str, ...]:
        """Return its host; a grant can name another."""
        host = settings.get("api_host", HOST)
        if host != HOST:
            raise Invalid("api_host must be that of the notebook.", field="api_host")
        return (HOST,)

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:
        """Search by the significant digits."""
        return [_request("GET", f"/contacts?digits={number.significant}", access)]

    def candidates(self, reply: CrmReply) -> CandidatePage:
        """Read the contacts."""
        found = json.loads(reply.body)
        return CandidatePage(
            candidates=[
                Candidate(kind="contact", id=it["id"], numbers=[it["number"]], name=it["name"])
                for it in found
            ]
        )

    def contact_request(self, handover: Handover, number: str, access: CrmAccess) -> CrmRequest:
        """Make a contact of the number."""
        return _request("POST", "/contacts", access, {"number": number})

    def contact_of(self, reply: CrmReply) -> Candidate | None:
        """Read it."""
        made = json.loads(reply.body)
        return Candidate(kind="contact", id=made["id"], numbers=[made["number"]])

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | Refused:
        """Make a record at the contact."""
        return _request(
            "POST", "/records", access, {"id": handover.id, "contact": target.id, **_said(handover)}
        )

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read its id."""
        return {"record": json.loads(reply.body)["record"]}

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:
        """Search by the hand-over's id."""
        return _request("GET", f"/records?id={handover.id}", access)

    def probe_next(
        self, reply: CrmReply, handover: Handover, target: Target, access: CrmAccess
    ) -> CrmRequest | None:
        """Ask again where the reply says that there is more."""
        return self.probe(handover, target, access) if reply.headers.get("x-more") == "1" else None

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:
        """Read the first one."""
        found = json.loads(reply.body)
        return {"record": found[0]} if found else None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Replace the text."""
        return [_request("PATCH", f"/records/{remote['record']}", access, _said(handover))]

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:
        """Empty the record, and delete it."""
        at = f"/records/{remote['record']}"
        return [_request("PATCH", at, access, {"text": ""}), _request("DELETE", at, access)]

    def budget(self, reply: CrmReply) -> Budget | None:
        """Read the header."""
        said = reply.headers.get("x-left")
        if said is None:
            return None
        return Budget(remaining=int(said), limit=100, resets_in=timedelta(minutes=10))

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Read the status."""
        if reply.status in range(200, 300):
            return Accepted()
        if reply.status == 301:
            return Moved(ids={"record": reply.headers["location"]})
        by_status: dict[int, Verdict] = {
            401: Unauthorized(), 404: Gone(), 422: Refused(code="closed"), 429: Wait(asked=_asked(reply)), 503: Wait(),
        }  # fmt: skip
        return by_status.get(reply.status, Unclear())


def _flow(*, rotates: bool) -> CodeFlow:
    return CodeFlow(
        authorize=lambda _: f"https://{HOST}/authorize", token=lambda _: f"https://{HOST}/token", scopes=("records",),
        rotates=rotates, unused_life=timedelta(days=30), learn=_learn,
    )  # fmt: skip


def _learn(_settings: object, answer: object) -> Mapping[str, str]:
    said = answer.get("api_host") if isinstance(answer, dict) else None
    return {} if said is None else {"api_host": said}


#: By their names: one with a key, and two that people authorize, of which one ends a refresh token with its use.
NOTEBOOKS: Final[Mapping[str, Notebook]] = {
    "notebook": Notebook(),
    "ledger": Notebook(name="ledger", key_field=None, oauth=_flow(rotates=True)),
    "folio": Notebook(name="folio", key_field=None, oauth=_flow(rotates=False)),
}


def _asked(reply: CrmReply) -> timedelta | None:
    said = reply.headers.get("retry-after")
    return None if said is None else timedelta(seconds=int(said))


def _said(handover: Handover) -> dict[str, Any]:
    if handover.state == "restricted":
        return {"text": f"restricted {handover.address}"}
    minutes = 0 if handover.duration is None else round(handover.duration.total_seconds())
    parts = [
        handover.agent,
        handover.direction,
        handover.caller,
        handover.callee,
        str(minutes),
        handover.address,
        *handover.notes,
    ]
    return {"text": " ".join(one or "-" for one in parts)}


def _request(method: Any, path: str, access: CrmAccess, said: Any = None) -> CrmRequest:
    return CrmRequest(
        method=method,
        url=f"https://{HOST}{path}",
        headers={"authorization": f"Bearer {access.token}", "content-type": "application/json"},
        body=b"" if said is None else json.dumps(said).encode(),
        hosts=(HOST,),
    )


#: What a fault does: it is called before the peer acts and says what it answers, or lets it act.
Fault = Callable[[str, str], Answer | FetchFailed | None]


@dataclass
class NotebookPeer:
    """The system itself."""

    contacts: list[dict[str, str]] = field(default_factory=list)
    #: By the record's id: the hand-over's, the contact's, and the text.
    records: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    #: Bodies of what was written.
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=lambda: {KEY})
    tokens: TokenServer = field(default_factory=lambda: TokenServer(path="/token", rotates=True))
    #: Answers instead of acting, for the next requests of a method and path, such as ``POST /records``.
    answers: dict[str, list[Answer | FetchFailed]] = field(default_factory=dict)
    #: Acts, and then loses the answer of the next requests of a method and path.
    loses: list[str] = field(default_factory=list)
    #: Requests that are left of 100, if it says that.
    left: int | None = None
    #: Whether searches for records find nothing.
    lags: bool = False
    #: Runs while a request is on its way.
    meanwhile: Callable[[str], Any] | None = None
    _number: int = 0

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request."""
        parts = urlsplit(url)
        name = f"{method} /{parts.path.split('/')[1]}"
        self.requests.append(f"{method} {parts.path}")
        if self.meanwhile is not None:
            await self.meanwhile(name)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if name != "POST /token" and token not in self.keys | self.tokens.access:
            return Answer(status=401)
        if waiting := self.answers.get(name):
            answer = waiting.pop(0)
            if isinstance(answer, FetchFailed):
                raise answer
            return answer
        if name == "POST /token":
            lowered = {one.lower(): value for one, value in headers.items()}
            asked = VaultRequest(method=method, path="/token", query=[], headers=lowered, body=body)
            reply = self.tokens.answer(asked)
            return Answer(status=reply.status, body=reply.body)
        answer = self._act(method, parts.path, parse_qs(parts.query), json.loads(body or b"{}"))
        if name in self.loses:
            self.loses.remove(name)
            raise FetchFailed("The host did not respond in time.", host_down=True)
        return answer if self.left is None else replace(answer, headers={"x-left": str(self.left)})

    def _act(self, method: str, path: str, query: Mapping[str, list[str]], said: dict[str, Any]) -> Answer:
        if method == "POST" and path == "/contacts":
            made = {"id": f"c{len(self.contacts) + 1}", "number": said["number"], "name": said["number"]}
            self.contacts.append(made)
            self.bodies.append(said)
            return _json(made)
        if method == "GET" and path == "/contacts":
            digits = query["digits"][0]
            found = [it for it in self.contacts if re.sub(r"\D", "", it["number"]).endswith(digits)]
            return _json(found)
        if method == "GET":
            found_ids = [one for one, it in self.records.items() if it["id"] == query["id"][0]]
            return _json([] if self.lags else found_ids)
        self.bodies.append(said)
        if method == "POST":
            self._number += 1
            self.records[f"r{self._number}"] = said
            return _json({"record": f"r{self._number}"})
        record = path.rpartition("/")[2]
        if record not in self.records:
            return Answer(status=404)
        if method == "DELETE":
            del self.records[record]
        else:
            self.records[record] |= said
        return Answer(status=204)


def _json(value: Any) -> Answer:
    return Answer(status=200, body=json.dumps(value).encode())
