"""Help Scout, as developer.helpscout.com/mailbox-api describes it: customers, conversations, threads, merges."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vault.simulator.crm.crm import BadRequest, Contact, Record, SimulatedCrm, json_body, page_of
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply

HEADERS = {"x-ratelimit-limit-minute": "400", "x-ratelimit-remaining-minute": "396"}
#: Conversations of a page.
PAGE = 25
NEW = {"subject", "customer", "mailboxId", "type", "status", "imported", "createdAt", "threads"}


class SimulatedHelpScout(SimulatedCrm):
    """An account with one inbox. A record is a thread; its owner is the conversation."""

    name: ClassVar[str] = "helpscout"
    lags: ClassVar[bool] = True

    def __init__(self) -> None:
        """Begin without conversations."""
        super().__init__()
        self.conversations: dict[str, dict[str, Any]] = {}
        #: Conversations that were merged, and into which.
        self.merged: dict[str, str] = {}

    def token_server(self) -> TokenServer:
        """Return its rules: a token lives for two days."""
        return TokenServer(path="/v2/oauth2/token", has_pkce=False, expires_in=172_800)

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the inbox."""
        return {"mailbox_id": "85"}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Take an access token."""
        return asked.bearer in self.tokens.access

    def unauthorized(self) -> Reply:
        """Return its error."""
        return json_reply(401, {"error": "invalid_token"})

    def merge(self, loser: str, winner: str) -> None:
        """Merge a conversation into another; its threads move."""
        self.merged[loser] = winner
        for record in self.records.values():
            if record.owner == loser:
                record.owner = winner
        del self.conversations[loser]

    def open_conversation(self) -> str:
        """Open a conversation in which a customer wrote."""
        name = self.new_id()
        self.conversations[name] = {"id": int(name), "status": "active"}
        self._thread(name, {"type": "customer", "text": "Where is my order?"})
        return name

    def serve(self, asked: VaultRequest) -> Reply:
        """Route by method and path."""
        path = asked.path.strip("/").split("/")
        reply = json_reply(404, {"message": "Not found"}, HEADERS)
        match (asked.method, *path):
            case ("GET", "v3", "customers", "search"):
                reply = self._search(asked.parameter("query") or "")
            case ("GET", "v2", "users"):
                reply = json_reply(
                    200, {"_embedded": {"users": [{"id": 77, "email": "Ann@example.com"}]}}, HEADERS
                )
            case ("POST", "v2", "conversations"):
                reply = self._create(json_body(asked))
            case ("GET", "v2", "conversations"):
                reply = self._list(asked)
            case (_, "v2", "conversations", name, *rest) if name in self.conversations:
                reply = self._one(asked, name, rest)
            case ("GET", "v2", "conversations", name) if name in self.merged:
                # Only a reading says where it went; a change and a deletion get 404.
                location = f"https://api.helpscout.net/v2/conversations/{self.merged[name]}"
                reply = Reply(status=301, headers={"location": location})
        return reply

    def _search(self, query: str) -> Reply:
        found = re.fullmatch(r'phone:\(("[^"]+"(?: OR "[^"]+")*)\)', query)
        if found is None or len(query) > 500:  # noqa: PLR2004 - its limit
            raise BadRequest(json_reply(400, {"message": "Bad query"}))
        wanted = set(re.findall(r'"([^"]+)"', found[1]))
        hits = [
            _customer(one) for one in self.contacts.values() if one.written in wanted and one.winner is None
        ]
        return json_reply(200, {"_embedded": {"customers": hits}, "_links": {}}, HEADERS)

    def _create(self, body: dict[str, Any]) -> Reply:
        if (
            set(body) != NEW
            or body["imported"] is not True
            or str(body["customer"]["id"]) not in self.contacts
        ):
            errors = [{"path": "customer", "message": "simulated"}]
            raise BadRequest(json_reply(400, {"_embedded": {"errors": errors}}))
        name = self.new_id()
        self.conversations[name] = {"id": int(name), "status": body["status"], "subject": body["subject"]}
        for thread in body["threads"]:
            self._thread(name, thread)
        return Reply(status=201, headers={**HEADERS, "resource-id": name})

    def _thread(self, name: str, thread: dict[str, Any]) -> str:
        record = Record(id=self.new_id(), fields={}, owner=name)
        record.fields = {"id": int(record.id), "type": thread["type"], "body": thread["text"]}
        self.records[record.id] = record
        return record.id

    def _list(self, asked: VaultRequest) -> Reply:
        if (asked.parameter("mailbox"), asked.parameter("embed")) != ("85", "threads"):
            raise BadRequest(json_reply(400, {"message": "Bad request"}))
        indexed = {one.owner for one in self.records.values() if not one.is_new}
        found = [self._shown(name) for name, one in self.conversations.items() if one["status"] == "closed"]
        listed = [one for one in found if str(one["id"]) in indexed]
        number = int(asked.parameter("page") or "1")
        shown, pages = page_of(listed[::-1], number, PAGE)
        about = {"size": PAGE, "totalElements": len(listed), "totalPages": pages, "number": number}
        return json_reply(200, {"_embedded": {"conversations": shown}, "page": about}, HEADERS)

    def _one(self, asked: VaultRequest, name: str, rest: list[str]) -> Reply:
        reply = json_reply(404, {"message": "Not found"}, HEADERS)
        match (asked.method, *rest):
            case ("GET",):
                reply = json_reply(200, self._shown(name), HEADERS)
            case ("DELETE",):
                # For good.
                del self.conversations[name]
                self.records = {key: one for key, one in self.records.items() if one.owner != name}
                reply = Reply(status=204, headers=HEADERS)
            case ("POST", "notes"):
                thread = self._thread(name, {"type": "note", "text": json_body(asked)["text"]})
                reply = Reply(status=201, headers={**HEADERS, "resource-id": thread})
            case ("PATCH", "threads", thread) if self.records[thread].owner == name:
                change = json_body(asked)
                if (change["op"], change["path"]) != ("replace", "/text"):
                    raise BadRequest(json_reply(400, {"message": "Bad request"}))
                record = self.records[thread]
                record.history.append(dict(record.fields))
                record.fields["body"] = change["value"]
                reply = Reply(status=204, headers=HEADERS)
        return reply

    def _shown(self, name: str) -> dict[str, Any]:
        threads = [one.fields for one in self.records.values() if one.owner == name]
        events = [{"id": 1, "type": "lineitem", "action": {"text": "You marked as closed"}}]
        return {**self.conversations[name], "_embedded": {"threads": [*threads[::-1], *events]}}

    def shown(self) -> Sequence[str]:
        """Return what the conversations show."""
        return [str(one.fields["body"]) for one in self.records.values() if not one.removed]


def _customer(one: Contact) -> dict[str, Any]:
    first, _, last = one.name.partition(" ")
    phones = [{"id": 1, "type": "mobile", "value": one.written}]
    return {"id": int(one.id), "firstName": first, "lastName": last, "_embedded": {"phones": phones}}
