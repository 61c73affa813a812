"""Freshdesk, as developers.freshdesk.com describes its API: contacts, tickets, notes."""

from collections.abc import Mapping
from typing import Any, ClassVar

from vault.simulator.crm.crm import BadRequest, Contact, Record, SimulatedCrm, json_body, page_of
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply

HEADERS = {"x-ratelimit-total": "200", "x-ratelimit-remaining": "188", "x-ratelimit-used-currentrequest": "1"}
NEW_TICKET = {"subject", "description", "requester_id", "source", "status", "priority"}


class SimulatedFreshdesk(SimulatedCrm):
    """The account ``example``. A record is a note on a ticket, or a ticket."""

    name: ClassVar[str] = "freshdesk"

    def __init__(self) -> None:
        """Begin without tickets."""
        super().__init__()
        self.tickets: dict[str, dict[str, Any]] = {}

    def token_server(self) -> TokenServer:
        """Return one that nobody asks."""
        return TokenServer(path="/none")

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the account."""
        return {"domain": "example"}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Take the key as the name of HTTP Basic."""
        return asked.basic == (self.key, "X")

    def unauthorized(self) -> Reply:
        """Return its error."""
        return json_reply(401, {"code": "invalid_credentials", "message": "simulated"})

    def open_parent(self, contact: str) -> str:
        """Open a ticket that an agent made."""
        number = self.new_id()
        self.tickets[number] = {"id": int(number), "requester_id": int(contact), "status": 2}
        return number

    def serve(self, asked: VaultRequest) -> Reply:
        """Route by method and path."""
        path = asked.path.removeprefix("/api/v2/").split("/")
        reply = json_reply(404, {"code": "not_found"}, HEADERS)
        match (asked.method, *path):
            case ("GET", "contacts"):
                [(name, value)] = asked.query
                hits = [one for one in self.contacts.values() if name == "mobile" and one.written == value]
                reply = json_reply(200, [_contact(one) for one in hits], HEADERS)
            case ("POST", "contacts"):
                phone = json_body(asked)["phone"]
                contact = self.contacts[self.add_contact(phone, phone, phone[3:])]
                reply = json_reply(201, _contact(contact), HEADERS)
            case ("GET", "agents"):
                reply = json_reply(200, [{"id": 77, "contact": {"email": "Ann@example.com"}}], HEADERS)
            case (_, "tickets", *rest):
                reply = self._serve_tickets(asked, rest)
            case (_, "conversations", note) if note in self.records and not self.records[note].removed:
                reply = self._change(asked, self.records[note])
        return reply

    def _serve_tickets(self, asked: VaultRequest, rest: list[str]) -> Reply:
        live = {name: one for name, one in self.tickets.items() if not one.get("deleted")}
        reply = json_reply(404, {"code": "not_found"}, HEADERS)
        match (asked.method, *rest):
            case ("GET",):
                contact = int(asked.parameter("requester_id") or 0)
                mine = [one for one in live.values() if one["requester_id"] == contact]
                reply = json_reply(200, mine[::-1], HEADERS)
            case ("POST",):
                reply = self._create(json_body(asked))
            case ("GET", number, "conversations") if number in live:
                notes = [one for one in self.records.values() if one.owner == number and not one.removed]
                reply = _paged(asked, [one.fields for one in notes])
            case ("POST", number, "notes") if number in live:
                reply = self._note(number, json_body(asked))
            case ("PUT" | "DELETE", number) if number in live:
                reply = self._change_ticket(asked, number)
        return reply

    def _create(self, body: dict[str, Any]) -> Reply:
        if set(body) != NEW_TICKET or str(body["requester_id"]) not in self.contacts:
            errors = [{"field": "requester_id", "message": "simulated", "code": "missing_field"}]
            raise BadRequest(json_reply(400, {"description": "Validation failed", "errors": errors}))
        number = self.new_id()
        self.tickets[number] = {**body, "id": int(number)}
        # What the ticket says is a record, too.
        self.records[number] = Record(id=number, fields=self.tickets[number], owner="")
        return json_reply(201, self.tickets[number], HEADERS)

    def _note(self, number: str, body: dict[str, Any]) -> Reply:
        if body["private"] is not True:
            errors = [{"field": "private", "message": "simulated", "code": "invalid_value"}]
            raise BadRequest(json_reply(400, {"description": "Validation failed", "errors": errors}))
        note = self.new_id()
        fields = {"id": int(note), "ticket_id": int(number), "private": True, "body": body["body"]}
        self.records[note] = Record(id=note, fields=fields, owner=number)
        return json_reply(201, fields, HEADERS)

    def _change(self, asked: VaultRequest, record: Record) -> Reply:
        if asked.method == "DELETE":
            record.removed = True
            return Reply(status=204, headers=HEADERS)
        record.fields["body"] = json_body(asked)["body"]
        return json_reply(200, record.fields, HEADERS)

    def _change_ticket(self, asked: VaultRequest, number: str) -> Reply:
        if asked.method == "DELETE":
            self.tickets[number]["deleted"] = True
            self.records[number].removed = True
            return Reply(status=204, headers=HEADERS)
        self.tickets[number] |= json_body(asked)
        return json_reply(200, self.tickets[number], HEADERS)


def _paged(asked: VaultRequest, entries: list[dict[str, Any]]) -> Reply:
    """Return a page; a header names the next one."""
    number, size = int(asked.parameter("page") or "1"), int(asked.parameter("per_page") or "30")
    shown, pages = page_of(entries, number, size)
    link = f'<https://example.freshdesk.com{asked.path}?per_page={size}&page={number + 1}>;rel="next"'
    return json_reply(200, shown, {**HEADERS, **({"link": link} if number < pages else {})})


def _contact(one: Contact) -> dict[str, Any]:
    shown = {"id": int(one.id), "name": one.name, "phone": None, "mobile": one.written, "deleted": False}
    return {**shown, "updated_at": "2026-11-01T00:00:00Z"}
