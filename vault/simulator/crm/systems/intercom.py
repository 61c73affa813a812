"""Intercom, as its OpenAPI 2.16 describes it: contacts, conversations with parts, redactions, tickets."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vault.simulator.crm.crm import BadRequest, Contact, Record, SimulatedCrm, json_body
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply

HEADERS = {"x-ratelimit-limit": "1667", "x-ratelimit-remaining": "1660", "x-ratelimit-reset": "1795687210"}


class SimulatedIntercom(SimulatedCrm):
    """A workspace in the United States. A record is a part of a conversation, or a ticket."""

    name: ClassVar[str] = "intercom"

    def __init__(self) -> None:
        """Begin without conversations."""
        super().__init__()
        self.conversations: dict[str, dict[str, Any]] = {}

    def token_server(self) -> TokenServer:
        """Return its rules: tokens have no life."""
        return TokenServer(path="/auth/eagle/token", has_pkce=False, expires_in=None, refreshes=False)

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the author, and a ticket type of the back office."""
        return {"admin_id": "814860", "ticket_type_id": "1234"}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Take an access token."""
        return asked.bearer == self.key or asked.bearer in self.tokens.access

    def unauthorized(self) -> Reply:
        """Return its error."""
        return _error(401, "unauthorized")

    def add_contact(self, written: str, e164: str, significant: str, *, kind: str = "contact") -> str:
        """Add a contact. Intercom takes numbers in E.164 alone."""
        del written
        return super().add_contact(e164, e164, significant, kind=kind)

    def open_parent(self, contact: str) -> str:
        """Open a conversation of a contact, in which the contact wrote."""
        name = self.new_id()
        self.conversations[name] = {
            "type": "conversation", "id": name, "open": True, "updated_at": int(name), "contact": contact,
        }  # fmt: skip
        return name

    def merge(self, loser: str, winner: str) -> None:
        """Merge a contact into another."""
        self.contacts[loser].winner = winner

    def serve(self, asked: VaultRequest) -> Reply:
        """Route by method and path."""
        if asked.headers.get("intercom-version") != "2.16":
            return _error(400, "intercom_version_invalid")
        path = asked.path.strip("/").split("/")
        reply = _error(404, "not_found")
        match (asked.method, *path):
            case ("GET", "admins"):
                reply = json_reply(
                    200, {"type": "admin.list", "admins": [{"id": "77", "email": "Ann@example.com"}]}
                )
            case ("POST", "contacts", *_) | ("POST", _, "search"):
                reply = self._read(path, json_body(asked))
            case ("GET", "conversations", name) if name in self.conversations:
                reply = json_reply(200, self._conversation(name), HEADERS)
            case ("POST", "conversations", name, "reply") if name in self.conversations:
                reply = self._note(name, json_body(asked))
            case ("POST", "conversations", "redact"):
                reply = self._redact(json_body(asked))
            case ("POST", "tickets"):
                reply = self._create_ticket(json_body(asked))
            case (_, "tickets", name) if name in self.records and not self.records[name].removed:
                reply = self._one_ticket(asked, self.records[name])
        return reply

    def _read(self, path: list[str], body: dict[str, Any]) -> Reply:
        match path:
            case ["contacts"]:
                number = body["phone"]
                contact = self.contacts[self.add_contact(number, number, number[3:], kind=body["role"])]
                return json_reply(200, _contact(contact))
            case ["contacts", "search"]:
                query = body["query"]
                if (query["field"], query["operator"]) != ("phone", "="):
                    raise BadRequest(_error(400, "invalid_field"))
                live = [one for one in self.contacts.values() if one.winner is None]
                hits = [_contact(one) for one in live if one.written == query["value"]]
                return json_reply(200, {"type": "list", "data": hits, "pages": {"type": "pages"}}, HEADERS)
        wanted = {clause["field"]: clause["value"] for clause in body["query"]["value"]}
        contact = wanted["contact_ids"]
        if path[0] == "tickets":
            tickets = [
                _ticket(one) for one in self.records.values() if one.owner == contact and not one.is_new
            ]
            return json_reply(200, {"type": "ticket.list", "tickets": tickets}, HEADERS)
        found = [one for one in self.conversations.values() if one["contact"] == contact and one["open"]]
        return json_reply(200, {"type": "conversation.list", "conversations": found}, HEADERS)

    def _conversation(self, name: str) -> dict[str, Any]:
        parts = [one.fields for one in self.records.values() if one.owner == name]
        listed = {"type": "conversation_part.list", "conversation_parts": parts, "total_count": len(parts)}
        return {**self.conversations[name], "conversation_parts": listed}

    def _note(self, name: str, body: dict[str, Any]) -> Reply:
        if (body["message_type"], body["type"]) != ("note", "admin") or not body["admin_id"].isdigit():
            raise BadRequest(_error(400, "parameter_invalid", "message_type"))
        part = {"type": "conversation_part", "part_type": "note", "body": body["body"], "redacted": False}
        record = Record(id=self.new_id(), fields=part, owner=name)
        part["id"] = record.id
        self.records[record.id] = record
        return json_reply(200, self._conversation(name), HEADERS)

    def _redact(self, body: dict[str, Any]) -> Reply:
        record = self.records.get(body["conversation_part_id"])
        if body["type"] != "conversation_part" or record is None or record.owner != body["conversation_id"]:
            return _error(404, "conversation_part_not_found")
        record.fields |= {"body": None, "redacted": True}
        return json_reply(200, self._conversation(record.owner), HEADERS)

    def _create_ticket(self, body: dict[str, Any]) -> Reply:
        [contact] = body["contacts"]
        known = self.contacts[contact["id"]]
        if known.winner is not None:
            link = f'<https://api.intercom.io/contacts/{known.winner}>; rel="canonical"'
            return json_reply(
                410, {"type": "error.list", "errors": [{"code": "contact_merged"}]}, {"link": link}
            )
        if set(body["ticket_attributes"]) - {"_default_title_", "_default_description_"}:
            raise BadRequest(_error(400, "parameter_invalid", "ticket_attributes"))
        record = Record(id=self.new_id(), fields=dict(body["ticket_attributes"]), owner=known.id)
        self.records[record.id] = record
        return json_reply(200, _ticket(record), HEADERS)

    def _one_ticket(self, asked: VaultRequest, record: Record) -> Reply:
        if asked.method == "DELETE":
            # For good.
            del self.records[record.id]
            return json_reply(200, {"id": record.id, "object": "ticket", "deleted": True}, HEADERS)
        if asked.method == "PUT":
            record.history.append(dict(record.fields))
            record.fields |= json_body(asked)["ticket_attributes"]
        return json_reply(200, _ticket(record), HEADERS)

    def shown(self) -> Sequence[str]:
        """Return what is shown; any element but a paragraph or a break would act."""
        bodies = [
            str(one.fields.get("body") or one.fields) for one in self.records.values() if not one.removed
        ]
        return [re.sub(r"</?p>|<br>", "\n", body) for body in bodies]


def _contact(one: Contact) -> dict[str, Any]:
    role = "user" if one.kind == "contact" else one.kind
    shown = {"id": one.id, "role": role, "phone": one.written, "name": one.name, "updated_at": 1_795_000_000}
    return {"type": "contact", **shown}


def _ticket(record: Record) -> dict[str, Any]:
    parts = {"type": "ticket_part.list", "ticket_parts": record.fields.get("parts", [])}
    return {"type": "ticket", "id": record.id, "ticket_attributes": record.fields, "ticket_parts": parts}


def _error(status: int, code: str, field: str | None = None) -> Reply:
    error = {"code": code, "message": "simulated", **({} if field is None else {"field": field})}
    return json_reply(status, {"type": "error.list", "request_id": None, "errors": [error]}, HEADERS)
