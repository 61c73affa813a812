"""Rows of the table: what CRM systems reply, and the texts that are written there."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from tests.hostile.parsers import KIB, Row, text
from tests.hostile.shapes import JSON, TEXT, repeated
from vault.crm.reading import is_id
from vault.crm.registry import SYSTEMS
from vault.crm.systems.zapier import Zapier
from vault.crm.text import as_html, lines_of
from vault.domain.crm.exchange import CrmAccess, CrmReply
from vault.domain.crm.handover import Handover, Target
from vault.errors import VaultError
from vault.ports.crm import CrmSystem

_NOW = datetime(2026, 11, 26, tzinfo=UTC)
_HANDOVER = Handover(id="hof_1", address="https://vault.example/h/1", started_at=_NOW)
#: Headers that adapters read beside the body.
_HEADERS = ("location", "link", "resource-id", "retry-after", "x-ratelimit-reset", "sforce-limit-info")


def _reply(system: CrmSystem, body: bytes, headers: dict[str, str], status: int) -> None:
    reply = CrmReply(status=status, headers=headers, body=body, received_at=_NOW)
    system.classify("create", reply)
    system.candidates(reply)
    system.parent_of(reply)
    system.created(reply)
    system.probed(reply, _HANDOVER, Target())
    system.agent_of(reply, "a@example.com")
    system.contact_of(reply)
    system.budget(reply)
    if system.oauth is not None:
        system.oauth.grant_of({}, reply)


def _bodies(system: CrmSystem, body: bytes) -> None:
    for status in (200, 400):
        _reply(system, body, {}, status)


def _headers(system: CrmSystem, value: str) -> None:
    for status in (200, 301, 410, 429):
        _reply(system, b"{}", dict.fromkeys(_HEADERS, value), status)


def _hosts(value: str) -> None:
    """Read a reply with tokens whose other fields, such as the host of the API, are hostile."""
    names = ("instance_url", "api_domain", "location", "expires_in", "scope")
    body = json.dumps({"access_token": "a" * 20, **dict.fromkeys(names, value)}).encode()
    reply = CrmReply(status=200, body=body, received_at=_NOW)
    for system in SYSTEMS:
        if system.oauth is not None:
            system.oauth.grant_of({}, reply)


def _settings(value: str) -> None:
    for system in SYSTEMS:
        for field in system.settings_fields:
            with suppress(VaultError):
                system.hosts({field.name: value})
            with suppress(VaultError):
                system.check({field.name: value})


def _text(value: str) -> None:
    said = replace(_HANDOVER, agent=value, notes=(value, *value[:5000]))
    as_html(lines_of(said))
    Zapier().create(said, Target(), CrmAccess(settings={}, by="key", token=value))


def _hits(size: int) -> bytes:
    item = json.dumps({"id": 1, "properties": {"phone": "1"}, "phone": "2"}).encode()
    return b'{"results":[' + b",".join([item] * max(1, size // len(item))) + b"]}"


_SHAPES = JSON | {"hits": _hits, "templates": repeated(b"{{")}
ROWS = [
    *(
        Row(name=f"{one.name} crm reply", parse=partial(_bodies, one), shapes=_SHAPES, limit=64 * KIB)
        for one in SYSTEMS
    ),
    *(
        Row(name=f"{one.name} crm headers", parse=text(partial(_headers, one)), shapes=TEXT, limit=8 * KIB)
        for one in SYSTEMS
    ),
    Row(name="crm text", parse=text(_text), shapes=TEXT | {"templates": repeated(b"{{")}, limit=32 * KIB),
    Row(name="crm token reply", parse=text(_hosts), shapes=TEXT | {"host": repeated(b"a.", b"https://")}),
    Row(name="crm settings", parse=text(_settings), shapes=TEXT | {"base": repeated(b"a", b"https://")}),
    Row(name="crm id", parse=text(is_id), shapes=TEXT),
]
