"""HubSpot, as developers.hubspot.com describes release 2026-09: contacts and calls with history and archive."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from vault.simulator.crm.crm import BadRequest, Contact, Record, SimulatedCrm, json_body
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply

OBJECTS = "/crm/objects/2026-09/"
SEARCH_KEYS = {"filterGroups", "properties", "sorts", "limit", "after"}
CALL_PROPERTIES = {
    "hs_timestamp", "hs_call_title", "hs_call_body", "hs_call_status", "hs_call_direction", "hs_call_duration",
    "hs_call_from_number", "hs_call_to_number", "hubspot_owner_id", "callvault_handover_id",
}  # fmt: skip
HEADERS = {
    "x-hubspot-ratelimit-max": "110",
    "x-hubspot-ratelimit-remaining": "97",
    "x-hubspot-ratelimit-interval-milliseconds": "10000",
}
TIMES = {"createdAt": "2026-11-26T09:00:00Z", "updatedAt": "2026-11-26T09:00:00Z", "archived": False}


class SimulatedHubSpot(SimulatedCrm):
    """A portal with a unique call property ``callvault_handover_id``."""

    name: ClassVar[str] = "hubspot"
    lags: ClassVar[bool] = True

    def token_server(self) -> TokenServer:
        """Return its rules: a refresh token stays valid."""
        return TokenServer(path="/oauth/2026-09/token", revoke_path="/oauth/2026-09/token/revoke")

    @property
    def settings(self) -> Mapping[str, str]:
        """Return none: without a property of its own, the vault searches."""
        return {}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Take a service key, or an access token."""
        return asked.bearer == self.key or asked.bearer in self.tokens.access

    def unauthorized(self) -> Reply:
        """Return its error."""
        return _error(401, "EXPIRED_AUTHENTICATION")

    def serve(self, asked: VaultRequest) -> Reply:
        """Route by method and path."""
        kind, _, rest = asked.path.removeprefix(OBJECTS).partition("/")
        if not asked.path.startswith(OBJECTS):
            kind, rest = asked.path, ""
        match (asked.method, kind, rest):
            case ("GET", "/crm/owners/2026-09", ""):
                return json_reply(200, {"results": [{"id": "77", "email": "Ann@example.com"}]})
            case ("POST", "contacts" | "calls", "search"):
                return self._search(kind, _body(asked))
            case ("POST", "contacts", ""):
                phone = _body(asked)["properties"]["phone"]
                return json_reply(201, self._shown(self.contacts[self.add_contact(phone, phone, phone[3:])]))
            case ("POST", "calls", ""):
                return self._create(_body(asked))
            case ("GET" | "PATCH" | "DELETE", "calls", _):
                return self._one(asked, rest)
        return _error(404, "OBJECT_NOT_FOUND")

    def _search(self, kind: str, body: dict[str, Any]) -> Reply:
        if set(body) != SEARCH_KEYS or len(body["filterGroups"]) > 5 or not 0 < body["limit"] <= 200:  # noqa: PLR2004 - its limits
            raise BadRequest(_error(400, "VALIDATION_ERROR"))
        hits: dict[str, Contact | Record] = {}
        for group in body["filterGroups"]:
            for one in (self.contacts if kind == "contacts" else self.records).values():
                if all(self._meets(one, clause) for clause in group["filters"]):
                    hits[one.id] = one
        results = [self._shown(one) for one in hits.values()]
        return json_reply(200, {"total": len(results), "results": results[: body["limit"]]})

    def _meets(self, one: Contact | Record, clause: dict[str, str]) -> bool:
        if clause["operator"] != "EQ":
            raise BadRequest(_error(400, "VALIDATION_ERROR"))
        name, value = clause["propertyName"], clause["value"]
        if isinstance(one, Contact):
            if re.fullmatch(r"[0-9]+", value) is None:
                raise BadRequest(_error(400, "VALIDATION_ERROR"))
            return (
                name == "hs_searchable_calculated_phone_number"
                and one.winner is None
                and value == one.significant
            )
        if one.is_new or one.removed:
            return False
        return name == "associations.contact" and one.owner == value

    def _shown(self, one: Contact | Record) -> dict[str, Any]:
        if isinstance(one, Record):
            return {"id": one.id, "properties": one.fields, **TIMES}
        first, _, last = one.name.partition(" ")
        properties = {
            "phone": one.written, "mobilephone": None, "hs_calculated_phone_number": one.e164,
            "firstname": first, "lastname": last,
        }  # fmt: skip
        return {"id": one.id, "properties": properties, **TIMES}

    def _create(self, body: dict[str, Any]) -> Reply:
        properties = body["properties"]
        self._check(properties)
        if "hs_timestamp" not in properties or "associations" not in body:
            raise BadRequest(_error(400, "VALIDATION_ERROR", "MISSING_REQUIRED_PROPERTY", "hs_timestamp"))
        own = properties.get("callvault_handover_id")
        if own and any(one.fields.get("callvault_handover_id") == own for one in self.records.values()):
            raise BadRequest(_error(400, "VALIDATION_ERROR", "CONFLICTING_UNIQUE_VALUE"))
        contact = ""
        for each in body["associations"]:
            contact = self.contacts[each["to"]["id"]].winner or each["to"]["id"]
            if each["types"] != [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}]:
                raise BadRequest(_error(400, "VALIDATION_ERROR"))
        record = Record(id=self.new_id(), fields=dict(properties), owner=contact)
        self.records[record.id] = record
        return json_reply(201, self._shown(record), HEADERS)

    def _one(self, asked: VaultRequest, name: str) -> Reply:
        own = asked.parameter("idProperty")
        record = self.records.get(name)
        if own:
            record = next((one for one in self.records.values() if one.fields.get(own) == name), None)
        if asked.method == "DELETE":
            # It says so for a call that is archived, too.
            if record is not None:
                record.removed = True
            return Reply(status=204)
        if record is None or record.removed:
            return _error(404, "OBJECT_NOT_FOUND")
        if asked.method == "PATCH":
            changes = _body(asked)["properties"]
            self._check(changes)
            record.history.append(dict(record.fields))
            record.fields |= changes
        return json_reply(200, self._shown(record), HEADERS)

    def _check(self, properties: dict[str, Any]) -> None:
        for name, value in properties.items():
            if name not in CALL_PROPERTIES:
                raise BadRequest(_error(400, "VALIDATION_ERROR", "PROPERTY_DOESNT_EXIST", name))
            if not isinstance(value, str):
                raise BadRequest(_error(400, "VALIDATION_ERROR", "INVALID_TYPE", name))
        if not re.fullmatch(r"[0-9]*", properties.get("hs_call_duration", "")):
            raise BadRequest(_error(400, "VALIDATION_ERROR", "INVALID_INTEGER", "hs_call_duration"))
        if properties.get("hs_call_direction", "") not in {"", "INBOUND", "OUTBOUND"}:
            raise BadRequest(_error(400, "VALIDATION_ERROR", "INVALID_OPTION", "hs_call_direction"))


def _body(asked: VaultRequest) -> dict[str, Any]:
    try:
        return json_body(asked)
    except ValueError:
        raise BadRequest(_error(400, "VALIDATION_ERROR")) from None


def _error(status: int, category: str, code: str | None = None, name: str | None = None) -> Reply:
    value: dict[str, Any] = {
        "status": "error",
        "message": "simulated",
        "category": category,
        "correlationId": "1",
    }
    if code is not None:
        context = {} if name is None else {"propertyName": [name]}
        value["errors"] = [{"message": "simulated", "code": code, "context": context}]
    return json_reply(status, value, HEADERS)
