"""Salesforce, as its REST API guide and object reference describe it: contacts, leads, cases, tasks, recycle bin."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from vault.simulator.crm.crm import BadRequest, Record, SimulatedCrm, json_body
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply

DATA = re.compile(r"/services/data/v[0-9]{2}\.0/(.*)")
HEADERS = {"sforce-limit-info": "api-usage=10018/100000"}
TASK_FIELDS = {
    "Subject", "Status", "ActivityDate", "Description", "CallType", "CallDurationInSeconds", "CallObject",
    "TaskSubtype", "WhoId", "WhatId", "OwnerId",
}  # fmt: skip
PREFIXES = {"contact": "003", "lead": "00Q", "account": "001"}
LONGEST_SUBJECT, LONGEST_DESCRIPTION = 255, 32_000


class SimulatedSalesforce(SimulatedCrm):
    """An organization at example.my.salesforce.com."""

    name: ClassVar[str] = "salesforce"
    is_plain: ClassVar[bool] = True
    #: Whether calls stand beside cases.
    in_cases: ClassVar[bool] = False

    def __init__(self) -> None:
        """Begin without cases."""
        super().__init__()
        self.cases: dict[str, str] = {}

    def token_server(self) -> TokenServer:
        """Return its rules: the reply names the organization's host, and no life."""
        extra: dict[str, object] = {"instance_url": "https://example.my.salesforce.com", "id": "simulated"}
        return TokenServer(
            path="/services/oauth2/token", revoke_path="/services/oauth2/revoke", expires_in=None, extra=extra
        )

    @property
    def settings(self) -> Mapping[str, str]:
        """Return what the sign-in learnt."""
        return {"instance_url": "https://example.my.salesforce.com"}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Take an access token."""
        return asked.bearer in self.tokens.access

    def unauthorized(self) -> Reply:
        """Return its error."""
        return _error(401, "INVALID_SESSION_ID")

    def new_id(self) -> str:
        """Return the last twelve characters of an id."""
        return super().new_id().rjust(12, "0")

    def add_contact(self, written: str, e164: str, significant: str, *, kind: str = "contact") -> str:
        """Add a contact, lead or account, whose id says which it is."""
        plain = super().add_contact(written, e164, significant, kind=kind)
        contact = self.contacts.pop(plain)
        contact.id = PREFIXES[kind] + plain
        self.contacts[contact.id] = contact
        return contact.id

    def open_parent(self, contact: str) -> str | None:
        """Open a case of a contact."""
        if not self.in_cases:
            return None
        case = "500" + self.new_id()
        self.cases[case] = contact
        return case

    def serve(self, asked: VaultRequest) -> Reply:
        """Route by method and path."""
        found = DATA.fullmatch(asked.path)
        path = found[1].split("/") if found else []
        reply = _error(404, "NOT_FOUND")
        match (asked.method, *path):
            case ("POST", "parameterizedSearch"):
                reply = self._search(json_body(asked))
            case ("GET", "query"):
                reply = self._query(asked.parameter("q") or "")
            case ("POST", "sobjects", "Contact"):
                phone = json_body(asked)["Phone"]
                reply = json_reply(201, {"id": self.add_contact(phone, phone, phone[3:]), "success": True})
            case ("POST", "sobjects", "Task"):
                reply = self._create(json_body(asked))
            case ("PATCH" | "DELETE", "sobjects", "Task", task):
                reply = self._change(asked, task)
        return reply

    def _search(self, body: dict[str, Any]) -> Reply:
        if body["in"] != "PHONE" or re.fullmatch(r"[0-9]{2,}", body["q"]) is None:
            raise BadRequest(_error(400, "MALFORMED_SEARCH"))
        wanted = {one["name"] for one in body["sobjects"]}
        hits = [
            {
                "attributes": {"type": one.kind.capitalize()},
                "Id": one.id,
                "Name": one.name,
                "Phone": one.written,
            }
            for one in self.contacts.values()
            if one.significant == body["q"] and one.kind.capitalize() in wanted and one.winner is None
        ]
        # The order of hits is by relevance, so it means nothing.
        return json_reply(200, {"searchRecords": hits[::-1]}, HEADERS)

    def _query(self, text: str) -> Reply:
        records: list[dict[str, Any]] = []
        if case := re.fullmatch(
            r"SELECT Id FROM Case WHERE ContactId = '(\w+)' AND IsClosed = false .*", text
        ):
            records = [{"Id": one} for one, contact in self.cases.items() if contact == case[1]]
        elif task := re.fullmatch(
            r"SELECT Id, CallObject FROM Task WHERE CallObject = '([\w-]+)' LIMIT 2", text
        ):
            live = [one for one in self.records.values() if not one.removed]
            records = [
                {"Id": one.id, "CallObject": task[1]}
                for one in live
                if one.fields.get("CallObject") == task[1]
            ]
        elif re.fullmatch(
            r"SELECT Id, Email FROM User WHERE Email = '[^']+' AND IsActive = true LIMIT 5", text
        ):
            records = [{"Id": "005000000000077", "Email": "Ann@example.com"}]
        else:
            raise BadRequest(_error(400, "MALFORMED_QUERY"))
        return json_reply(200, {"totalSize": len(records), "done": True, "records": records}, HEADERS)

    def _create(self, fields: dict[str, Any]) -> Reply:
        self._check(fields)
        who, what = fields.get("WhoId"), fields.get("WhatId")
        if who is not None and (who not in self.contacts or self.contacts[who].winner):
            raise BadRequest(_error(400, "ENTITY_IS_DELETED"))
        if what is not None and what not in self.cases and what not in self.contacts:
            raise BadRequest(_error(400, "INVALID_CROSS_REFERENCE_KEY"))
        if who is not None and who.startswith("00Q") and what is not None:
            raise BadRequest(_error(400, "FIELD_INTEGRITY_EXCEPTION", "WhatId"))
        record = Record(id="00T" + self.new_id(), fields=dict(fields), owner=who or what or "")
        self.records[record.id] = record
        return json_reply(201, {"id": record.id, "success": True, "errors": []}, HEADERS)

    def _change(self, asked: VaultRequest, task: str) -> Reply:
        record = self.records.get(task)
        if record is None or record.removed:
            raise BadRequest(_error(404, "ENTITY_IS_DELETED" if record else "NOT_FOUND"))
        if asked.method == "DELETE":
            record.removed = True
        else:
            changes = json_body(asked)
            self._check(changes)
            record.fields |= changes
        return Reply(status=204, headers=HEADERS)

    def _check(self, fields: dict[str, Any]) -> None:
        for name in fields:
            if name not in TASK_FIELDS:
                raise BadRequest(_error(400, "INVALID_FIELD", name))
        if fields.get("CallType") not in {None, "Inbound", "Outbound", "Internal"}:
            raise BadRequest(_error(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "CallType"))
        if len(fields.get("Subject", "")) > LONGEST_SUBJECT:
            raise BadRequest(_error(400, "STRING_TOO_LONG", "Subject"))
        if len(fields.get("Description", "")) > LONGEST_DESCRIPTION:
            raise BadRequest(_error(400, "STRING_TOO_LONG", "Description"))


class SimulatedDesk(SimulatedSalesforce):
    """The same organization, where calls stand beside cases."""

    name: ClassVar[str] = "desk"
    in_cases: ClassVar[bool] = True


def _error(status: int, code: str, field: str | None = None) -> Reply:
    fields = [] if field is None else [field]
    return json_reply(status, [{"message": "simulated", "errorCode": code, "fields": fields}], HEADERS)
