"""The base class of simulated CRM systems: contacts, records with their history, and faults that a test orders."""

import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply


@dataclass(slots=True, kw_only=True)
class Contact:
    """A contact: its number as a person wrote it, and what the system makes of it."""

    id: str
    #: Such as ``06 12 34 56 78``.
    written: str
    e164: str
    #: The national significant number.
    significant: str
    name: str = "Zoé Martin"
    kind: str = "contact"
    #: The contact into which it was merged.
    winner: str | None = None


@dataclass(slots=True, kw_only=True)
class Record:
    """A record of a call, or a part of one."""

    id: str
    fields: dict[str, Any]
    #: The contact, ticket or conversation to which it belongs.
    owner: str = ""
    #: Former values that an editor of the system can read.
    history: list[dict[str, Any]] = field(default_factory=list)
    removed: bool = False
    #: A search does not find it before ``index``.
    is_new: bool = True


@dataclass(slots=True, kw_only=True)
class Fault:
    """A reply in place of the system's own to the next request whose path has ``part``."""

    reply: Reply
    part: str = ""
    method: str | None = None
    #: The request is carried out, and its reply is lost.
    is_after: bool = False

    def meets(self, asked: VaultRequest) -> bool:
        """Return whether it is for this request."""
        return self.part in asked.path and self.method in {None, asked.method}


class BadRequest(Exception):
    """The system refuses a request with this reply."""

    def __init__(self, reply: Reply) -> None:
        """Take the reply."""
        super().__init__("The simulated system refuses the request.")
        self.reply = reply


class SimulatedCrm(ABC):
    """One system with one customer."""

    name: ClassVar[str]
    #: Its searches find a new record late.
    lags: ClassVar[bool] = False
    #: It shows texts as they are: nothing in them is markup.
    is_plain: ClassVar[bool] = False

    def __init__(self) -> None:
        """Begin empty, with a new key and a new client."""
        self.contacts: dict[str, Contact] = {}
        self.records: dict[str, Record] = {}
        self.asked: list[VaultRequest] = []
        self.faults: list[Fault] = []
        self.tokens = self.token_server()
        self.key = "key-" + self.tokens.client_secret
        self._ids = itertools.count(1001)

    @abstractmethod
    def token_server(self) -> TokenServer:
        """Return its token server, with its rules."""

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, str]:
        """Return the settings that the admin of the vault enters."""

    @abstractmethod
    def serve(self, asked: VaultRequest) -> Reply:
        """Answer a request that is authenticated. Raises BadRequest."""

    @abstractmethod
    def is_authentic(self, asked: VaultRequest) -> bool:
        """Return whether the request has a valid token or key, where the system wants it."""

    @abstractmethod
    def unauthorized(self) -> Reply:
        """Return the reply to a request that is not authentic."""

    def answer(self, asked: VaultRequest) -> Reply:
        """Answer a request like the system."""
        self.asked.append(asked)
        fault = next((one for one in self.faults if one.meets(asked)), None)
        if fault is not None:
            self.faults.remove(fault)
            if not fault.is_after:
                return fault.reply
        reply = self._reply(asked)
        return reply if fault is None else fault.reply

    def _reply(self, asked: VaultRequest) -> Reply:
        if asked.path == self.tokens.path:
            return self.tokens.answer(asked)
        if asked.path == self.tokens.revoke_path:
            return self.tokens.revocation(asked)
        if not self.is_authentic(asked):
            return self.unauthorized()
        try:
            return self.serve(asked)
        except BadRequest as refused:
            return refused.reply
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return json_reply(400, {})

    def new_id(self) -> str:
        """Return an id that was not used."""
        return str(next(self._ids))

    def add_contact(self, written: str, e164: str, significant: str, *, kind: str = "contact") -> str:
        """Add a contact, and return its id."""
        contact = Contact(id=self.new_id(), written=written, e164=e164, significant=significant, kind=kind)
        self.contacts[contact.id] = contact
        return contact.id

    def open_parent(self, contact: str) -> str | None:  # noqa: ARG002 - the default
        """Open a ticket, case or conversation of a contact, if the system has them. Default: it has none."""
        return None

    def index(self) -> None:
        """Let searches find what is new."""
        for record in self.records.values():
            record.is_new = False

    def shown(self) -> Sequence[str]:
        """Return the text of each record that a user of the system sees."""
        return [
            json.dumps(one.fields, ensure_ascii=False) for one in self.records.values() if not one.removed
        ]

    def traces(self) -> Sequence[str]:
        """Return the texts that the system keeps beside: former values, and the recycle bin."""
        kept = [json.dumps(former) for one in self.records.values() for former in one.history]
        return kept + [json.dumps(one.fields) for one in self.records.values() if one.removed]


def page_of(items: Sequence[Any], number: int, size: int) -> tuple[list[Any], int]:
    """Return a page of a list, the first of which is 1, and how many there are."""
    return list(items[(number - 1) * size : number * size]), -(-len(items) // size)


def json_body(asked: VaultRequest) -> dict[str, Any]:
    """Return the JSON object of a request. Raises ValueError."""
    if not asked.headers.get("content-type", "").startswith("application/json"):
        raise ValueError("The Content-Type is not application/json.")
    value = json.loads(asked.body)
    if not isinstance(value, dict):
        raise ValueError("The body is no object.")  # noqa: TRY004 - as any other wrong body
    return value
