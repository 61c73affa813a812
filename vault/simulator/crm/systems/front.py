"""Front, as its OpenAPI of the Core API describes it: contacts by alias, conversations, comments, merges."""

from collections.abc import Mapping
from typing import Any, ClassVar

from vault.simulator.crm.crm import BadRequest, Contact, Record, SimulatedCrm, json_body
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply

HEADERS = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "95", "x-ratelimit-reset": "1795687260"}


class SimulatedFront(SimulatedCrm):
    """A company. A record is a comment."""

    name: ClassVar[str] = "front"
    is_plain: ClassVar[bool] = True

    def __init__(self) -> None:
        """Begin without conversations."""
        super().__init__()
        self.conversations: dict[str, dict[str, Any]] = {}
        #: Conversations that were merged, and into which.
        self.merged: dict[str, str] = {}

    def token_server(self) -> TokenServer:
        """Return one that nobody asks."""
        return TokenServer(path="/none")

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the author."""
        return {"author_id": "tea_55c8c149"}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Take the company's token."""
        return asked.bearer == self.key

    def unauthorized(self) -> Reply:
        """Return its error."""
        return _error(401, "Unauthenticated")

    def new_id(self) -> str:
        """Return the end of an id."""
        return "1a" + super().new_id()

    def add_contact(self, written: str, e164: str, significant: str, *, kind: str = "contact") -> str:
        """Add a contact, whose id says what it is. Front stores numbers in E.164."""
        del written
        plain = super().add_contact(e164, e164, significant, kind=kind)
        contact = self.contacts.pop(plain)
        contact.id = f"crd_{plain}"
        self.contacts[contact.id] = contact
        return contact.id

    def open_parent(self, contact: str) -> str:
        """Open a conversation with a contact."""
        name = f"cnv_{self.new_id()}"
        self.conversations[name] = {"id": name, "status": "assigned", "contact": contact}
        return name

    def serve(self, asked: VaultRequest) -> Reply:
        """Route by method and path."""
        path = asked.path.strip("/").split("/")
        reply = _error(404, "Not found")
        match (asked.method, *path):
            case ("GET", "contacts", alias) if alias.startswith("alt:phone:"):
                reply = self._contact(alias.removeprefix("alt:phone:"))
            case ("POST", "contacts"):
                [handle] = json_body(asked)["handles"]
                contact = self.add_contact(handle["handle"], handle["handle"], handle["handle"][3:])
                reply = json_reply(201, _shown(self.contacts[contact]))
            case ("GET", "contacts", contact, "conversations"):
                found = [one for one in self.conversations.values() if one["contact"] == contact]
                reply = json_reply(200, {"_results": found[::-1], "_pagination": {"next": None}}, HEADERS)
            case ("GET", "teammates", "alt:email:ann@example.com"):
                reply = json_reply(200, {"id": "tea_77", "email": "Ann@example.com"}, HEADERS)
            case (_, "conversations", name, "comments"):
                reply = self._comments(asked, name)
            case ("PATCH", "comments", comment) if comment in self.records and asked.path.endswith("/"):
                record = self.records[comment]
                record.history.append(dict(record.fields))
                record.fields |= json_body(asked)
                reply = json_reply(200, record.fields, HEADERS)
        return reply

    def _contact(self, number: str) -> Reply:
        # Without a plus it is read as a number of the United States.
        read = number if number.startswith("+") else f"+1{number}"
        for one in self.contacts.values():
            if one.written == read and one.winner is None:
                return json_reply(200, _shown(one), HEADERS)
        return _error(404, "Not found")

    def _comments(self, asked: VaultRequest, name: str) -> Reply:
        if name in self.merged:
            location = f"https://example.api.frontapp.com/conversations/{self.merged[name]}"
            return Reply(status=301, headers={"location": location})
        if name not in self.conversations:
            return _error(404, "Not found")
        if asked.method == "GET":
            comments = [one.fields for one in self.records.values() if one.owner == name]
            return json_reply(200, {"_results": comments[::-1], "_pagination": {"next": None}}, HEADERS)
        body = json_body(asked)
        if set(body) - {"author_id", "body"} or not body["author_id"].startswith("tea_"):
            raise BadRequest(_error(400, "Bad request"))
        record = Record(id=f"com_{self.new_id()}", fields={}, owner=name)
        record.fields = {"id": record.id, "body": body["body"], "is_pinned": False}
        self.records[record.id] = record
        return json_reply(201, record.fields, HEADERS)


def _shown(one: Contact) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "handles": [{"source": "phone", "handle": one.written}]}


def _error(status: int, title: str) -> Reply:
    return json_reply(status, {"_error": {"status": status, "title": title, "message": "simulated"}}, HEADERS)
