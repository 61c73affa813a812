"""Zoho CRM, as zoho.com/crm/developer describes version 8: modules, searches, calls, results for each record."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from vault.simulator.crm.crm import BadRequest, Record, SimulatedCrm, json_body, page_of
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply

MODULES = {"Contacts": "contact", "Leads": "lead", "Accounts": "account"}
CALL_FIELDS = {
    "Subject", "Description", "Call_Start_Time", "Call_Type", "Call_Duration", "Who_Id", "What_Id",
    "$se_module", "Owner",
}  # fmt: skip
HEADERS = {"x-api-credits-remaining": "2100"}


class SimulatedZoho(SimulatedCrm):
    """An organization in the data centre of the European Union."""

    name: ClassVar[str] = "zoho"
    lags: ClassVar[bool] = True
    is_plain: ClassVar[bool] = True

    def token_server(self) -> TokenServer:
        """Return its rules: errors have status 200, and the reply names the host of the API."""
        extra: dict[str, object] = {"api_domain": "https://www.zohoapis.eu"}
        return TokenServer(
            path="/oauth/v2/token",
            revoke_path="/oauth/v2/token/revoke",
            has_pkce=False,
            expires_in=3600,
            error_status=200,
            error="invalid_code",
            extra=extra,
        )

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the data centre."""
        return {"data_center": "eu"}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Take an access token under a scheme of its own."""
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        return scheme == "Zoho-oauthtoken" and token in self.tokens.access

    def unauthorized(self) -> Reply:
        """Return its error."""
        return json_reply(
            401, {"code": "INVALID_TOKEN", "details": {}, "message": "simulated", "status": "error"}
        )

    def serve(self, asked: VaultRequest) -> Reply:
        """Route by method and path."""
        path = asked.path.removeprefix("/crm/v8/").split("/")
        reply = json_reply(404, {"code": "INVALID_URL_PATTERN", "status": "error"})
        match (asked.method, *path):
            case ("GET", "users"):
                reply = json_reply(200, {"users": [{"id": "77", "email": "Ann@example.com"}]}, HEADERS)
            case ("GET", "Calls", "search"):
                reply = self._probe(asked)
            case ("GET", module, "search") if module in MODULES:
                reply = self._search(asked, module)
            case ("POST", "Calls"):
                reply = self._create(json_body(asked))
            case ("PUT" | "DELETE", "Calls", call):
                reply = self._change(asked, call)
        return reply

    def _search(self, asked: VaultRequest, module: str) -> Reply:
        fields = (asked.parameter("fields") or "").split(",")
        hits = []
        for one in self.contacts.values():
            if one.kind == MODULES[module] and one.written == asked.parameter("phone") and one.winner is None:
                known = {"Phone": one.written, "Full_Name": one.name, "Account_Name": one.name}
                hits.append({"id": one.id, **{name: known.get(name) for name in fields}})
        if not hits:
            return Reply(status=204, headers=HEADERS)
        return json_reply(200, {"data": hits, "info": {"more_records": False}}, HEADERS)

    def _probe(self, asked: VaultRequest) -> Reply:
        found = re.fullmatch(r"\((?:Who|What)_Id:equals:([0-9]+)\)", asked.parameter("criteria") or "")
        if found is None:
            raise BadRequest(json_reply(400, {"code": "INVALID_QUERY", "status": "error"}))
        hits = [
            {"id": one.id, **one.fields}
            for one in self.records.values()
            if one.owner == found[1] and not one.is_new and not one.removed
        ]
        number, size = int(asked.parameter("page") or "1"), int(asked.parameter("per_page") or "200")
        shown, pages = page_of(hits, number, size)
        info = {"per_page": size, "count": len(shown), "page": number, "more_records": number < pages}
        return json_reply(200, {"data": shown, "info": info}, HEADERS) if shown else Reply(status=204)

    def _create(self, body: dict[str, Any]) -> Reply:
        if body["trigger"] != []:
            raise BadRequest(_result(202, "NOT_ALLOWED", {}))
        [fields] = body["data"]
        _check(fields)
        name = "Who_Id" if "Who_Id" in fields else "What_Id"
        contact = self.contacts.get(fields[name]["id"])
        if contact is None or contact.winner is not None:
            raise BadRequest(_result(202, "INVALID_DATA", {"api_name": name}))
        if contact.kind != "contact" and MODULES[fields["$se_module"]] != contact.kind:
            raise BadRequest(_result(202, "INVALID_DATA", {"api_name": "$se_module"}))
        for needed in ("Call_Type", "Call_Duration", "Subject"):
            if needed not in fields:
                raise BadRequest(_result(202, "MANDATORY_NOT_FOUND", {"api_name": needed}))
        record = Record(id=self.new_id(), fields=fields, owner=contact.id)
        self.records[record.id] = record
        return _result(201, "SUCCESS", {"id": record.id})

    def _change(self, asked: VaultRequest, call: str) -> Reply:
        record = self.records.get(call)
        if record is None or record.removed:
            raise BadRequest(_result(400, "INVALID_DATA", {"id": call}))
        if asked.method == "DELETE":
            record.removed = True
        else:
            [changes] = json_body(asked)["data"]
            _check(changes)
            record.history.append(dict(record.fields))
            record.fields |= changes
        return _result(200, "SUCCESS", {"id": call})


def _check(fields: dict[str, Any]) -> None:
    for name in fields:
        if name not in CALL_FIELDS:
            raise BadRequest(_result(202, "INVALID_DATA", {"api_name": name}))
    if re.fullmatch(r"[0-9]{1,6}:[0-9]{2}", fields.get("Call_Duration", "0:00")) is None:
        raise BadRequest(_result(202, "INVALID_DATA", {"api_name": "Call_Duration"}))


def _result(status: int, code: str, details: dict[str, str]) -> Reply:
    result = {"code": code, "details": details, "message": "simulated"}
    return json_reply(
        status, {"data": [{**result, "status": "success" if code == "SUCCESS" else "error"}]}, HEADERS
    )
