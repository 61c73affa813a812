"""Zendesk, as developer.zendesk.com describes it: users, tickets, comments, redactions, deleted tickets."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vault.simulator.crm.crm import BadRequest, Record, SimulatedCrm, json_body
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply

HEADERS = {"ratelimit-limit": "700", "ratelimit-remaining": "698", "ratelimit-reset": "40"}


class SimulatedZendesk(SimulatedCrm):
    """The account ``example``. A record is a comment; its owner is the ticket."""

    name: ClassVar[str] = "zendesk"

    def __init__(self) -> None:
        """Begin without tickets."""
        super().__init__()
        self.tickets: dict[str, dict[str, Any]] = {}
        #: Replies to keys of idempotency, and the bodies that they came for.
        self.keys: dict[str, tuple[bytes, Reply]] = {}

    def token_server(self) -> TokenServer:
        """Return its rules: a refresh ends the former pair."""
        return TokenServer(path="/oauth/tokens", client_in="json", rotates=True)

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the account."""
        return {"subdomain": "example"}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Take an access token alone."""
        return asked.bearer in self.tokens.access

    def unauthorized(self) -> Reply:
        """Return its error."""
        return json_reply(401, {"error": "invalid_token", "error_description": "simulated"})

    def open_parent(self, contact: str) -> str:
        """Open a ticket that an agent made."""
        return self._ticket(
            {"requester_id": int(contact), "external_id": None, "subject": "Order 7", "status": "open"}
        )

    def close(self, ticket: str) -> None:
        """Close a ticket, for good."""
        self.tickets[ticket]["status"] = "closed"

    def serve(self, asked: VaultRequest) -> Reply:
        """Route by method and path."""
        path = asked.path.removeprefix("/api/v2/").removesuffix(".json").split("/")
        reply = json_reply(404, {"error": "RecordNotFound", "description": "Not found"})
        match (asked.method, *path):
            case ("GET", "search" | "users", *_):
                reply = self._read_users(asked, path)
            case ("POST", "users"):
                user = json_body(asked)["user"]
                contact = self.add_contact(user["phone"], user["phone"], user["phone"][3:])
                shown = {"id": int(contact), "name": user["name"], "phone": user["phone"]}
                reply = json_reply(201, {"user": shown})
            case ("POST", "tickets"):
                reply = self._once(asked)
            case ("GET", "tickets"):
                external = asked.parameter("external_id")
                hits = [one for one in self._live() if one["external_id"] == external]
                reply = json_reply(200, {"tickets": hits, "count": len(hits)}, HEADERS)
            case (_, "tickets", number, *_) if number in self.tickets and not self.tickets[number]["deleted"]:
                reply = self._one(asked, number)
            case ("PUT", "comment_redactions", comment):
                reply = self._redact(self.records[comment], json_body(asked))
        return reply

    def shown(self) -> Sequence[str]:
        """Return what the ticket's page shows."""
        return [one.fields["html_body"] for one in self.records.values() if not one.removed]

    def _read_users(self, asked: VaultRequest, path: list[str]) -> Reply:
        if path[0] == "users" and path[-1] == "requested":
            tickets = [one for one in self._live() if one["requester_id"] == int(path[1])]
            return json_reply(200, {"tickets": tickets[::-1], "next_page": None}, HEADERS)
        if path == ["users", "search"]:
            return json_reply(200, {"users": [{"id": 77, "email": "Ann@example.com", "role": "agent"}]})
        match = re.fullmatch(r"role:end-user phone:\*([0-9]+)", asked.parameter("query") or "")
        if match is None:
            raise BadRequest(json_reply(422, {"error": "invalid", "description": "Invalid search"}))
        users = [
            {"id": int(one.id), "name": one.name, "phone": one.written, "updated_at": "2026-11-01T00:00:00Z"}
            for one in self.contacts.values()
            if re.sub(r"[^0-9]", "", one.written).endswith(match[1])
        ]
        return json_reply(200, {"results": users, "count": len(users), "next_page": None}, HEADERS)

    def _once(self, asked: VaultRequest) -> Reply:
        key = asked.headers.get("idempotency-key")
        if key in self.keys:
            body, reply = self.keys[key]
            if body != asked.body:
                return json_reply(400, {"error": "IdempotentRequestError"})
            return reply
        ticket = json_body(asked)["ticket"]
        number = self._ticket({**ticket, "status": "new"})
        reply = self._comment(number, ticket["comment"], 201)
        if key is not None:
            self.keys[key] = (asked.body, reply)
        return reply

    def _one(self, asked: VaultRequest, number: str) -> Reply:
        if asked.path.endswith("/comments.json") and asked.method == "GET":
            return self._list_comments(asked, number)
        if asked.method == "DELETE":
            self.tickets[number]["deleted"] = True
            for one in self.records.values():
                one.removed = one.removed or one.owner == number
            return Reply(status=204)
        if self.tickets[number]["status"] == "closed":
            details = {"status": [{"description": "Status: closed prevents ticket update"}]}
            raise BadRequest(json_reply(422, {"error": "RecordInvalid", "details": details}))
        return self._comment(number, json_body(asked)["ticket"]["comment"], 200)

    def _list_comments(self, asked: VaultRequest, number: str) -> Reply:
        comments = [one.fields for one in self.records.values() if one.owner == number][::-1]
        size, page = int(asked.parameter("per_page") or 100), int(asked.parameter("page") or 1)
        shown = comments[(page - 1) * size : page * size]
        place = f"https://example.zendesk.com{asked.path}?per_page={size}&page="
        more = {"next_page": f"{place}{page + 1}" if page * size < len(comments) else None}
        more["previous_page"] = f"{place}{page - 1}" if page > 1 else None
        return json_reply(200, {"comments": shown, "count": len(comments), **more}, HEADERS)

    def _ticket(self, fields: dict[str, Any]) -> str:
        number = self.new_id()
        shown = {name: value for name, value in fields.items() if name != "comment"}
        if str(shown["requester_id"]) not in self.contacts:
            raise BadRequest(json_reply(422, {"error": "RecordInvalid", "details": {"requester": []}}))
        self.tickets[number] = {**shown, "id": int(number), "deleted": False}
        return number

    def _live(self) -> list[dict[str, Any]]:
        return [one for one in self.tickets.values() if not one["deleted"]]

    def _comment(self, number: str, comment: dict[str, Any], status: int) -> Reply:
        if comment["public"] is not False:
            raise BadRequest(json_reply(422, {"error": "RecordInvalid", "details": {"public": []}}))
        written = comment["html_body"]
        # The address becomes a link, as the editor makes it.
        linked = re.sub(r"(https://[^\s<]+)", r'<a href="\1">\1</a>', written)
        body = html.unescape(re.sub(r"<[^<>]*>", "\n", written))
        record = Record(id=self.new_id(), fields={}, owner=number)
        record.fields = {
            "id": int(record.id), "type": "Comment", "public": False, "body": body,
            "html_body": f'<div class="zd-comment" dir="auto">{linked}</div>',
        }  # fmt: skip
        self.records[record.id] = record
        events = [{"id": int(record.id), "type": "Comment", "public": False}]
        return json_reply(status, {"ticket": self.tickets[number], "audit": {"events": events}}, HEADERS)

    def _redact(self, record: Record, body: dict[str, Any]) -> Reply:
        if str(body["ticket_id"]) != record.owner:
            return json_reply(404, {"error": "RecordNotFound"})
        marked = body["html_body"]
        if re.sub(r"</?redact>| redact(?=[ >])", "", marked) != record.fields["html_body"]:
            return json_reply(400, {"error": "The html_body is not that of the comment"})
        before, *pieces = marked.split("<redact>")
        black = before + "".join("\u2587\u2587" + piece.partition("</redact>")[2] for piece in pieces)
        record.fields["html_body"] = re.sub(r"<a redact[^<>]*>|</a>", "", black)
        record.fields["body"] = html.unescape(re.sub(r"<[^<>]*>", "\n", record.fields["html_body"]))
        return json_reply(200, {"comment": record.fields}, HEADERS)
