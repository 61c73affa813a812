"""What services say, on a page in another language: nothing that comes from a fixed set stays English."""

import ast
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import pytest

import vault
from tests.support.packaged_rules import packaged
from vault.domain.approvals.approval import ApprovalState
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.audit_log.history import OpenedEvent, Origins, write_history
from vault.domain.audit_log.listening import Timeline
from vault.domain.legal_rules.rule import clauses
from vault.errors import Invalid, Refused
from vault.sentence import Sentence, sentence_of
from vault.telephony.registry import PROVIDERS
from vault.web.http.field_messages import MESSAGES, as_sentence, field_message
from vault.web.http.languages import DEFAULT, LANGUAGES
from vault.web.http.service_texts import marked_of_service, of_service
from vault.web.http.translations import in_language, keys_of

OTHERS: Final = [one for one in LANGUAGES if one != DEFAULT]
AT: Final = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
#: Results of events of a recording.
RESULTS: Final[Mapping[str, tuple[str | None, ...]]] = {
    "recording.available": ("evidence_complete", "no_notice_needed", "accepted_without_evidence", "released"),
    "recording.restricted": (
        None,
        "review",
        "withdrawn",
        "manifest_missing",
        "switched_off",
        "objection",
        "declined",
        "erased",
    ),
    "recording.erasing": (None, "retention", "request", "withdrawal"),
    "recording.pending_erasure": ("request", "withdrawal"),
    "source.deleted": ("again_later", "deleted", "gone"),
    "source.delete_failed": ("http_500", "error"),
    "source.kept": ("impossible", "connection_deleted", "http_403"),
    "playback.denied": ("used_up", "not_valid"),
}
#: Types of events with a recording.
_OF_A_RECORDING: Final = (
    "recording.", "source.", "link.", "playback.", "download.", "waveform.", "evidence.", "details.", "note.",
    "metadata.", "retention.due", "key.exported",
)  # fmt: skip


def unknown(texts: Iterator[str]) -> dict[str, list[str]]:
    """Return the texts that stay English, by language."""
    said = sorted(set(texts))
    found = {}
    for language in OTHERS:
        with in_language(language):
            if left := [text for text in said if of_service(text) is None]:
                found[language] = left
    return found


def events() -> Iterator[OpenedEvent]:
    """Yield an event of each type and result that a recording's history can have; for a listener, and for nobody."""
    kinds = [kind for kind in get_args(EventType) if kind.startswith(_OF_A_RECORDING)]
    for kind in kinds:
        for result in RESULTS.get(kind, (None,)):
            for link, detail in (
                ("l1", {"listener": "Ann from Rome: x", "address": "192.0.2.1"}),
                ("l2", {}),
            ):
                event = AccessEvent(
                    type=kind, at=AT, account_id="a", actor="key_1", recording_id="r", link_id=link, session_id="s",
                    first=0, end=64, result=result,
                )  # fmt: skip
                yield OpenedEvent(index=0, event=event, detail=detail)


@pytest.mark.parametrize("played", [None, Timeline(size=128, duration=10.0, header=0)], ids=["?", "seconds"])
def test_every_sentence_of_a_history_is_translated(played: Timeline | None):
    """Whatever happened, to a listener with a name that looks like a sentence, or to nobody."""
    numbered = [
        OpenedEvent(index=number, event=one.event, detail=one.detail) for number, one in enumerate(events())
    ]
    origins = Origins(
        received_at=AT,
        connection_id="conn_1",
        connection="main",
        sealed_at=AT,
        played=played,
        original=played,
    )
    texts = [item.text for one in numbered for item in write_history(origins, [one])]
    assert unknown(iter(texts)) == {}
    with in_language("de"):
        opened = "Opened by Ann from Rome: x from 192.0.2.1"
        assert of_service(opened) == "Geöffnet von Ann from Rome: x von der Adresse 192.0.2.1"


def test_what_somebody_typed_stays_as_it_is():
    """A name that is a word of ours, markup, and a text that nobody translated, which is marked."""
    with in_language("de"):
        assert of_service("Link created for key") == "Link erstellt für key"
        assert of_service("Opened by somebody") == "Geöffnet von jemand"
        assert of_service("Sent 00:00-00:04 and 00:06-00:09 to <b>x</b>") == (
            "00:00-00:04, 00:06-00:09 gesendet an <b>x</b>"
        )
        assert of_service("Refused: nobody wrote this") is None
        marked = marked_of_service({}, "Refused: <b>nobody</b>")  # type: ignore[arg-type]
        assert marked == '<span lang="en">Refused: &lt;b&gt;nobody&lt;/b&gt;</span>'
        assert of_service("x" * 100_000) is None


def test_a_reason_stands_after_a_colon_as_the_language_writes_it():
    """A whole sentence elsewhere begins with a capital letter in German, and with a small one in French."""
    text = "Quarantined: there is no evidence of a notice to the agent"
    for language, shown in (
        ("de", "In Quarantäne: Es fehlt der Nachweis einer Ansage an den Agenten"),
        ("fr", "En quarantaine\u00a0: il n\u2019y a pas de preuve d\u2019une annonce à l\u2019agent"),
    ):
        with in_language(language):
            assert of_service(text) == shown


def test_every_rule_is_explained_in_each_language():
    """The clauses of all places, their readings, and their names."""
    rules = packaged()
    every = [rules.unknown, *rules.rules.values()]
    assert unknown(text for rule in every for text in (*clauses(rule), *rule.readings)) == {}


def test_every_step_at_a_platform_is_translated():
    """What each adapter says to enter; names of the platform's own settings have no spaces."""
    setups = [provider.setup("https://vault.example/w") for provider in PROVIDERS]
    assert unknown(text for setup in setups for text in sentences(setup)) == {}


def test_every_credential_of_a_platform_is_translated():
    """What a platform calls it, and where it is found; the platform's own name if it is a sentence."""
    fields = [one for provider in PROVIDERS for one in provider.credential_fields]
    titles = [provider.title for provider in PROVIDERS if " " in provider.title]
    assert unknown(text for one in fields for text in (one.label, one.hint)) == {}
    assert unknown(iter(titles)) == {}


def sentences(value: object) -> Iterator[str]:
    """Yield the sentences of a platform's settings, without its example and its own names."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in {"example", "recordingStatusCallbackEvent", "statusCallbackEvent"}:
                yield from sentences(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from sentences(inner)
    elif " " in str(value):
        yield str(value)


#: Services and rules behind the forms of the console.
BEHIND_FORMS: Final = (
    "domain/approvals", "domain/notices/notice.py", "domain/playback/link_key.py", "domain/retention",
    "domain/sign_in/connection.py", "services/accounts/connections.py", "services/approvals/approvals.py",
    "services/approvals/rules.py", "services/consent/notices.py", "services/consent/policy.py",
    "services/playback/link_cuts.py", "services/playback/link_keys.py", "services/requests/requests.py",
    "services/requests/callbacks.py", "services/requests/closures.py", "services/registers",
    "services/retention", "services/shared/approval_gate.py", "services/shared/begin_rotation.py",
    "services/sign_in/sign_in_connections.py", "services/admission/quarantine.py",
)  # fmt: skip
#: What no form can cause.
BY_REST_ALONE: Final = frozenset(
    {
        "Say why one person decides alone.",
        "There is no connection of this name.",
        "Another connection has this id, or this one has another.",
        "The record was not set yet. Send no If-Match.",
        "ended_at must not be in the future: say it when it has ended.",
    }
)


def refusals() -> Iterator[str]:
    """Yield the literal messages of refusals behind the forms."""
    root = Path(vault.__file__).parent
    files = [
        path
        for name in BEHIND_FORMS
        for path in ([root / name] if name.endswith(".py") else (root / name).glob("*.py"))
    ]
    for path in files:
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in {"Invalid", "Refused", "Busy"}:
                for first in call.args[:1]:
                    if isinstance(first, ast.Constant):
                        yield str(first.value)


def test_every_refusal_of_a_form_is_translated():
    """A literal message behind a form of the console is in the catalogue, or no form causes it."""
    assert unknown(text for text in refusals() if text not in BY_REST_ALONE) == {}


#: What is wrong with fields that no form has: in another number, or with another bound.
OF_NO_FORM: Final = frozenset(
    {
        "Must match %(number)s.",
        "Must be greater than %(number)s.",
        "Must be less than %(number)s.",
        "Must be a multiple of %(number)s.",
        "Must be %(number)s.",
        "Must have at least %(number)s bytes.",
        "Must have at most %(number)s bytes.",
        "Must have at least %(number)s character.",
        "Must have at most %(number)s character.",
        "Must have at most %(number)s item.",
        "Must have at least %(number)s items.",
    }
)


def templates() -> Iterator[str]:
    """Yield the templates of all errors with something filled in, and those of wrong fields of a form."""
    for path in Path(vault.__file__).parent.rglob("*.py"):
        if "Sentence(" in (text := path.read_text()):
            for call in ast.walk(ast.parse(text)):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Sentence":
                    found = [str(one.value) for one in call.args[:1] if isinstance(one, ast.Constant)]
                    yield from (as_sentence(one) if one.startswith("must") else one for one in found)
    for kind, message in MESSAGES.items():
        for hole in re.findall(r"{(\w+)}", message)[:1]:
            for value in (1, 2):
                said = as_sentence(field_message({"type": kind, "ctx": {hole: value}}))
                assert isinstance(said, Sentence)
                yield said.template


def test_every_error_with_something_filled_in_is_translated():
    """Both ways: the catalogue has the template of each, and no sentence that no error says."""
    said, known = set(templates()), {key for key in keys_of("refusals") if "%(" in key}
    assert known - said == set()
    assert said - known == OF_NO_FORM


def test_what_is_filled_into_an_error_is_no_part_of_its_sentence():
    """A name that looks like a sentence stays as it is, and words of ours are translated."""
    name = "The recording is refused, so it cannot be played."
    with in_language("de"):
        limited = Invalid(
            Sentence("agents can limit only the roles %(roles)s.", roles=name), field="roles.agents"
        )
        assert of_service(sentence_of(limited)) == f"Agenten können nur die Rollen {name} begrenzen."
        ended = Refused(Sentence("It is %(state)s already.", state=ApprovalState.VETOED))
        assert str(ended) == "It is vetoed already."
        assert of_service(sentence_of(ended)) == "Das ist schon erledigt: Veto eingelegt."
        assert of_service(Sentence("It is %(state)s already.", state="unheard of")) is None
        assert of_service(str(ended)) is None
    assert of_service(sentence_of(ended)) == "It is vetoed already."


def test_a_moment_in_an_error_is_written_as_people_read_it():
    """On a page of any language; REST has it as in its fields."""
    template = "The person was told after the first deadline, %(moment)s: it cannot be extended."
    late = Refused(Sentence(template, moment="2026-02-28T20:00:00.000Z"))
    assert "2026-02-28T20:00:00.000Z" in str(late)
    assert "2026-02-28 20:00 UTC" in str(of_service(sentence_of(late)))
    with in_language("de"):
        assert "nach der ersten Frist, 2026-02-28 20:00 UTC," in str(of_service(sentence_of(late)))


def test_every_sentence_with_something_filled_in_is_found_again():
    """Filled in with a name, it is translated: no other sentence takes it, and none is shadowed."""
    for name in ("history", "reasons"):
        for key in keys_of(name):
            if "%(" in key and not any(
                f"%({hole})s" in key for hole in ("why", "state", "party", "asked", "kind")
            ):
                filled = re.sub(r"%\((\w+)\)s", r"\1", key)
                assert unknown(iter([filled])) == {}, key
