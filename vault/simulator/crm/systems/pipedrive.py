"""Pipedrive, as its OpenAPI of version 2 describes it: persons and activities."""

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from vault.simulator.crm.crm import BadRequest, Contact, Record, SimulatedCrm, json_body
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply

HEADERS = {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "18", "x-ratelimit-reset": "2"}
ACTIVITY_FIELDS = {
    "subject": str, "type": str, "done": bool, "due_date": str, "due_time": str, "duration": str, "note": str,
    "participants": list, "owner_id": int,
}  # fmt: skip


class SimulatedPipedrive(SimulatedCrm):
    """The company ``example``."""

    name: ClassVar[str] = "pipedrive"

    def token_server(self) -> TokenServer:
        """Return its rules: the client stands in HTTP Basic, and the reply names the host of the API."""
        extra: dict[str, object] = {"api_domain": "https://example.pipedrive.com", "scope": "base"}
        return TokenServer(
            path="/oauth/token", client_in="header", has_pkce=False, expires_in=3599, extra=extra
        )

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the company."""
        return {"company": "example"}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Take an API token in its header, or an access token."""
        return asked.headers.get("x-api-token") == self.key or asked.bearer in self.tokens.access

    def unauthorized(self) -> Reply:
        """Return its error."""
        return json_reply(401, {"success": False, "error": "unauthorized access"})

    def serve(self, asked: VaultRequest) -> Reply:
        """Route by method and path."""
        path = asked.path.removeprefix("/api/v2/").split("/")
        reply = json_reply(404, {"success": False, "error": "Not found", "code": "ERR_NOT_FOUND"})
        match (asked.method, *path):
            case ("GET", "persons", "search"):
                reply = self._search(asked)
            case ("POST", "persons"):
                phone = json_body(asked)["phones"][0]["value"]
                contact = self.contacts[self.add_contact(phone, phone, phone[3:])]
                data = {"id": int(contact.id), "name": phone, "phones": [{"value": phone, "primary": True}]}
                reply = json_reply(201, {"success": True, "data": data})
            case ("POST", "activities"):
                reply = self._create(json_body(asked))
            case ("GET", "activities"):
                reply = self._list(asked)
            case ("PATCH" | "DELETE", "activities", activity):
                reply = self._change(asked, activity)
        return reply

    def _search(self, asked: VaultRequest) -> Reply:
        term = asked.parameter("term") or ""
        if (asked.parameter("fields"), asked.parameter("exact_match")) != ("phone", "true") or not term:
            raise BadRequest(
                json_reply(400, {"success": False, "error": "Bad request", "code": "ERR_SCHEMA"})
            )
        items = [
            {"result_score": 1.0, "item": _person(one)}
            for one in self.contacts.values()
            if one.written == term
        ]
        return json_reply(200, {"success": True, "data": {"items": items}, "additional_data": {}}, HEADERS)

    def _create(self, fields: dict[str, Any]) -> Reply:
        _check(fields)
        [participant] = fields["participants"]
        if str(participant["person_id"]) not in self.contacts or participant["primary"] is not True:
            raise BadRequest(json_reply(400, {"success": False, "error": "Person not found"}))
        record = Record(id=self.new_id(), fields=fields, owner=str(participant["person_id"]))
        self.records[record.id] = record
        return json_reply(201, {"success": True, "data": {"id": int(record.id), **fields}}, HEADERS)

    def _list(self, asked: VaultRequest) -> Reply:
        live = [
            one
            for one in self.records.values()
            if not one.removed and one.owner == asked.parameter("person_id")
        ]
        data = [{"id": int(one.id), **one.fields} for one in live[::-1]]
        return json_reply(
            200, {"success": True, "data": data, "additional_data": {"next_cursor": None}}, HEADERS
        )

    def _change(self, asked: VaultRequest, activity: str) -> Reply:
        record = self.records.get(activity)
        if record is None or record.removed:
            raise BadRequest(json_reply(404, {"success": False, "error": "Activity not found"}))
        if asked.method == "DELETE":
            record.removed = True
            return json_reply(200, {"success": True, "data": {"id": int(activity)}}, HEADERS)
        changes = json_body(asked)
        _check(changes)
        record.history.append(dict(record.fields))
        record.fields |= changes
        return json_reply(200, {"success": True, "data": {"id": int(activity), **record.fields}}, HEADERS)


def _check(fields: dict[str, Any]) -> None:
    wrong = [name for name, value in fields.items() if not isinstance(value, ACTIVITY_FIELDS.get(name, ()))]
    clock = re.fullmatch(r"[0-9]{2}:[0-9]{2}", fields.get("duration", "00:00"))
    if wrong or clock is None:
        raise BadRequest(
            json_reply(400, {"success": False, "error": f"Validation failed: {json.dumps(wrong)}"})
        )


def _person(one: Contact) -> dict[str, Any]:
    return {"id": int(one.id), "type": "person", "name": one.name, "phones": [one.written], "emails": []}
