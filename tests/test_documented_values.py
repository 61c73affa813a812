"""What a reader would have to look up in the code stands on the pages: values of fields, articles, types of events.

The glossary is tested like code: it has enough terms, in alphabetical order, each with a file that exists.
"""

import ast
import re
from collections.abc import Iterator
from enum import EnumType
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.support.fast_yaml import committed_contract
from vault.domain.accounts import account, roles
from vault.domain.approvals.approval import ApprovalState
from vault.domain.approvals.rule import Verb
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.consent import consent_event, requirements
from vault.domain.notices import audio, notice
from vault.domain.playback import link, link_key, signed_token
from vault.domain.recordings.recording import State
from vault.domain.registers import entries
from vault.domain.registers.processing_record import PeriodCode
from vault.domain.requests import request
from vault.domain.requests.decision import GROUNDS, Code
from vault.domain.requests.package import LeftOut
from vault.domain.retention import judge, object_lock, policy

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
#: Codes of refusals that no request over REST gets: of commands, of the console, and of what a restore writes.
NOT_OVER_REST = {
    "already_set", "approval_needed", "came_from_another", "id_taken", "moved", "moving", "name_arrives", "name_taken",
    "no_move", "not_done", "other_target", "region", "same_vault", "taken_over",
}  # fmt: skip
#: By page: the types whose values a reader of it must know.
VALUES: dict[str, tuple[object, ...]] = {
    "api-keys.md": (account.Scope,),
    "approvals.md": (ApprovalState, Verb),
    "consent.md": (
        consent_event.Answer, consent_event.Method, consent_event.MissingEvidence, consent_event.Mode,
        consent_event.Party, consent_event.Withdrawal, requirements.Position,
    ),
    "erase-a-recording.md": (judge.Ground,),
    "find-recordings.md": (State,),
    "notices.md": (audio.Beep, audio.Encoding, notice.NoticeMode, notice.NoticeStatus),
    "registers.md": (
        entries.AuthorityAccess, entries.AuthorityDecision, entries.AuthorityRequestKind, entries.AuthorityScope,
        entries.ContractStatus, entries.LegalBasis, entries.RecipientRole, entries.Safeguard, PeriodCode,
    ),
    "requests.md": (
        Code, LeftOut, request.PauseReason, request.PersonKind, request.Regime, request.RequestState,
        request.VerificationMethod,
    ),
    "retention.md": (policy.AtEnd, policy.MinimumGround, policy.PeriodStart, policy.Winner, object_lock.LockSetting),
    "share-a-recording.md": (link.Kind, link.Purpose),
    "sign-in.md": (roles.AccountRole,),
    "signed-links.md": (link_key.Algorithm, signed_token.Reason),
}  # fmt: skip
GLOSSARY = ROOT / "docs" / "glossary.md"
FEWEST = 40
#: Our word, the field's word, one line, and a link to the file, whose text is the file's path.
ROW = re.compile(r"\| ([^|]+) \| ([^|]+) \| ([^|]+) \| \[([\w./-]+)\]\(\.\./([\w./-]+)\) \|")


def values_of(known: object) -> list[str]:
    """Return the values of a Literal or of an enumeration."""
    return [str(value) for value in (known if isinstance(known, EnumType) else get_args(known))]


@pytest.mark.parametrize("page", VALUES)
def test_a_page_names_every_value_of_its_fields(page: str) -> None:
    """A value that is added to the code is added to the page, so nobody has to look it up elsewhere."""
    text = (DOCS / page).read_text()
    values = [value for known in VALUES[page] for value in values_of(known)]
    assert len(values) > 1
    assert [value for value in values if f"`{value}`" not in text] == []


def test_each_refusal_has_the_article_that_the_receipt_names() -> None:
    """The table of refusals of a request and the receipts name the same provisions."""
    lines = (DOCS / "requests.md").read_text().splitlines()
    table = [line for line in lines if line.startswith("| `") and "art. " in line]
    for code, ground in GROUNDS.items():
        article = ground.removeprefix("GDPR ")
        assert any(f"`{code}`" in line and f"{article})" in line for line in table), code


def test_the_types_of_events_are_those_there_are() -> None:
    """The table has each type once; one that begins with a full stop continues the name before it."""
    named = list[str]()
    text = (DOCS / "listen-and-audit.md").read_text()
    for cell in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", cell):
            named.append(named[-1].split(".")[0] + name if name.startswith(".") else name)
    assert sorted(named) == sorted(get_args(EventType))


def refusals() -> Iterator[str]:
    """Yield the code of every refusal in the code."""
    for path in sorted((ROOT / "vault").rglob("*.py")):
        text = path.read_text()
        if "reasons=(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.keyword) and node.arg == "reasons" and isinstance(node.value, ast.Tuple):
                yield from (str(one.value) for one in node.value.elts if isinstance(one, ast.Constant))


def test_each_code_of_a_refusal_is_explained() -> None:
    """A program that gets a code finds it on the page of errors."""
    text, codes = (DOCS / "errors.md").read_text(), set(refusals())
    assert len(codes) > 50
    assert codes >= NOT_OVER_REST
    assert [code for code in sorted(codes - NOT_OVER_REST) if f"`{code}`" not in text] == []


def fields_in_table(page: str, heading: str) -> dict[str, str]:
    """Return the second cell of each field in the table below a heading; a cell may name several fields."""
    part = (DOCS / page).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]*)\| ", part, re.MULTILINE)
    return {
        name: cell.strip() for cell_of_names, cell in rows for name in re.findall(r"`(\w+)`", cell_of_names)
    }


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of the contract."""
    found: dict[str, dict[str, Any]] = committed_contract()["components"]["schemas"]
    return found


def test_the_fields_of_a_call_are_those_of_the_contract() -> None:
    """The table has each field once, says which ones are required, and the contract says what each one means."""
    table, call = (
        fields_in_table("connect-a-platform.md", "Ask at call start (optional)"),
        schemas()["CallIn"],
    )
    assert [*table] == ["direction", "from", "to", "started_at", *(
        name for name in call["properties"] if name not in call["required"]
    )]  # fmt: skip
    assert [name for name, cell in table.items() if cell == "required"] == call["required"]
    assert [name for name, one in call["properties"].items() if "description" not in one] == []


def test_the_fields_of_events_are_those_of_the_contract() -> None:
    """Of an event alone, of every event, required or not: as the schemas of the events say."""
    table = fields_in_table("connect-a-platform.md", "Events and their fields")
    each, recording = schemas()["CallEventData"], schemas()["RecordingEventData"]
    assert {*table} == {*recording["properties"]}
    for name, cell in table.items():
        where = "every event" if name in each["properties"] else "`recording.completed`"
        assert cell == where + ", required" * (name in recording["required"]), name
        assert "description" in recording["properties"][name], name


def table() -> list[str]:
    """Return the lines of the table, without its heading."""
    lines = [line for line in GLOSSARY.read_text().splitlines() if line.startswith("|")]
    return lines[2:]


def listed() -> list[tuple[str, ...]]:
    """Return the cells of every row that is well-formed."""
    return [row.groups() for row in map(ROW.fullmatch, table()) if row]


def test_every_row_is_an_entry() -> None:
    """A row that has another shape would be skipped by the tests below."""
    assert [line for line in table() if not ROW.fullmatch(line)] == []


def test_there_are_enough_terms() -> None:
    """A newcomer finds the words of the whole code, each once."""
    terms = [term for term, *_ in listed()]
    assert len(terms) == len(set(terms)) >= FEWEST


def test_terms_are_in_alphabetical_order() -> None:
    """A reader finds a term without reading the table."""
    terms = [term for term, *_ in listed()]
    assert terms == sorted(terms, key=str.casefold)


def test_every_term_has_a_file_that_exists() -> None:
    """Each entry names a file of the repository, and its link leads to the same file."""
    assert [text for *_, text, target in listed() if text != target or not (ROOT / target).is_file()] == []
