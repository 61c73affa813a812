"""Readiness tells the truth: each part that does no work is named, a silent one within the deadline.

The page of metrics, its catalogue, the alerts upon it and their runbook: each says what the others do.
"""

import ast
import asyncio
import re

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.metric_catalogue import ROOT, catalogue, metrics_of
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House
from vault.errors import NotFound, StartRefused, Tampered, Unavailable
from vault.web.http import readiness
from vault.web.http.readiness import Readiness


class Parts:
    """CheckPart whose answers a test sets, and which counts what it is asked."""

    def __init__(self) -> None:
        self.errors: dict[str, Exception | None] = {}
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.answering = asyncio.Event()

    async def __call__(self, part: str) -> None:
        """Answer as the test says."""
        self.asked.append(part)
        if part in self.silent:
            await self.answering.wait()
        if error := self.errors.get(part):
            raise error


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    """All parts are well."""
    monkeypatch.setattr(readiness, "_MIN_CACHE_TTL", 0.0)
    return Parts()


async def test_a_node_whose_parts_answer_is_ready(parts: Parts):
    """Nothing is named, and a balancer that asks all the time does not pass its question on each time."""
    ready = Readiness(parts)
    assert [await ready.troubles() for _ in range(50)] == [{}] * 50
    assert parts.asked == ["database", "objects", "root_key", "clock"]


@pytest.mark.parametrize(
    ("part", "error", "words"),
    [
        ("database", Unavailable("connect to db.internal failed"), "The database does not answer."),
        ("database", StartRefused("schema 0003"), "The database has the schema of another release."),
        ("objects", Unavailable("bucket b"), "The object store does not answer, or is not this vault's."),
        ("objects", NotFound("owner.json"), "The object store does not answer, or is not this vault's."),
        ("root_key", Unavailable("alias/x"), "The root key cannot be used."),
        ("root_key", Tampered("other key"), "The root key cannot be used."),
        ("root_key", OSError("disk"), "The root key cannot be used."),
        ("clock", Unavailable("600 s"), "The clock of this node is wrong by more than 2 minutes."),
    ],
)
async def test_a_part_in_trouble_is_named_without_its_own_words(parts: Parts, part, error, words):
    """Addresses, names and messages of libraries stay inside; once the part is well, so is the node."""
    parts.errors[part] = error
    ready = Readiness(parts)
    assert await ready.troubles() == {part: words}
    parts.errors.clear()
    assert await ready.troubles() == {}


async def test_a_silent_part_is_named_within_the_deadline_and_asked_once(parts: Parts):
    """Nobody waits for it longer, no second question is asked beside the first, and its late answer counts."""
    parts.silent.add("objects")
    ready = Readiness(parts, deadline=0.05)
    # That they come at all is the proof: the part is silent until they are here.
    answers = await asyncio.gather(*(ready.troubles() for _ in range(20)))
    assert all(set(answer) == {"objects"} for answer in answers)
    assert parts.asked.count("objects") == 1
    parts.answering.set()
    assert await ready.troubles() == {}


async def test_a_stopping_node_says_so_though_all_is_well(parts: Parts):
    """A balancer sends nothing to a node that was told to stop."""
    ready = Readiness(parts)
    ready.stopping.set()
    assert await ready.troubles() == {"stopping": "This node is shutting down."}


def shown(house: House) -> dict[str, tuple[str, set[str]]]:
    """Return the families of the page: name as in the text, type and labels."""
    found = {}
    for family in text_string_to_metric_families(house.admin.get("/metrics").text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
    return found


def test_the_catalogue_is_the_page(house: House, shared: tuple[Tenant, str]):
    """Every metric is in the catalogue with its type and labels, and the catalogue has no other one."""
    tenant, recording = shared
    tenant.http.get(tenant.url(f"/recordings/{recording}/audio"))
    there, told = shown(house), catalogue()
    assert set(there) == set(told)
    for name, (kind, labels) in there.items():
        assert told[name][0] == kind, name
        # A metric that has counted nothing yet shows no label.
        assert labels <= told[name][1], name


def test_no_label_is_what_a_caller_chose(house: House, stranger: httpx.Client):
    """Whatever is sent, labels take words of the vault alone."""
    tenant = Tenant.open(house.admin)
    recording = tenant.uploaded(AUDIO)
    link = tenant.link(recording, listener="Wolframia")
    opened = open_link(stranger, link["url"])
    stranger.get(f"{opened.headers['location']}/audio")
    stranger.post("/webhooks/distinctive/distinctive", content=b"{}")
    stranger.get("/distinctive", headers={"Authorization": "Bearer distinctive"})
    text = house.admin.get("/metrics").text
    labels = set(re.findall(r'="([^"]*)"', text))
    assert all(re.fullmatch(r"[a-z_.]+|[1-5]\d\d|\+Inf|\d+\.\d+", value) for value in labels), labels
    assert [word for word in ("distinctive", tenant.name, tenant.id, recording) if word in text] == []


def test_what_happens_is_counted(house: House):
    """An upload that is heard through a link moves the counters by what was sealed, granted and served."""
    before = sample(house)
    tenant = Tenant.open(house.admin)
    recording = tenant.uploaded(AUDIO)
    assert tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).content == AUDIO
    assert tenant.hook("call.started", call_ref="c", direction="inbound").status_code == 200
    assert tenant.http.post(tenant.webhook_url, content=b"{}").status_code == 401
    after = sample(house)
    moved = {key: after[key] - before.get(key, 0.0) for key in after if after[key] != before.get(key, 0.0)}
    assert moved["callvault_sealed_bytes_total"] == len(AUDIO)
    states = {key for key in after if key.startswith("callvault_queue_recordings")}
    assert len(states) == 5, "each state of work, with none in it too"
    assert moved['callvault_webhook_ack_seconds_count{provider="platform"}'] == 1
    assert moved['callvault_commit_group_rows_count{kind="write"}'] > 1
    assert moved['callvault_key_ring_total{found="hit"}'] > 1
    assert moved['callvault_served_bytes_total{way="download"}'] == len(AUDIO)
    assert moved['callvault_grants_total{way="download"}'] == 1
    assert moved['callvault_access_events_total{type="recording.available"}'] == 1
    assert moved['callvault_http_responses_total{status="201"}'] >= 1


def sample(house: House) -> dict[str, float]:
    """Return every sample by name and labels."""
    lines = house.admin.get("/metrics").text.splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


@pytest.mark.parametrize("room", ["database", "objects", "keyservice", "audio"])
def test_a_503_is_counted_by_the_part_that_had_no_answer(room: str):
    """What a part raises names that part, whichever module raises it; the rest is the vault's own limit."""
    raised = {
        f"{path.name}:{call.lineno}": {word.arg: ast.unparse(word.value) for word in call.keywords}
        for path in (ROOT / "vault" / room).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Unavailable"
    }
    assert raised
    # Or the cause of an error that is raised once more.
    wrong = [at for at, words in raised.items() if words.get("cause") not in (repr(room), "failed[1].cause")]
    assert wrong == []
    assert Unavailable("The anchor is behind.").cause == "workflows"


def rules() -> list[dict[str, object]]:
    """Return the alert rules."""
    (group,) = yaml.safe_load((ROOT / "infra" / "alerts.yml").read_text())["groups"]
    return list(group["rules"])


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_stands_on_the_catalogue_and_in_the_runbook(rule):
    """Its expression can be read, its metrics and labels are in the catalogue, and its heading in the runbook."""
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert rule["alert"] in headings()
    told, names = catalogue(), metrics_of(rule["expr"])
    assert names
    for name, labels in names.items():
        base = re.sub(r"_bucket$", "", name)
        assert base == "up" or base in told, name
        assert labels <= ({"job"} if base == "up" else told[base][1] | {"job", "instance"}), name


def test_the_runbook_has_no_entry_without_an_alert():
    """Each heading is an alert."""
    assert sorted(headings()) == sorted(str(rule["alert"]) for rule in rules())


def headings() -> list[str]:
    """Return the second headings of the runbook, without the last one, which every page has."""
    found = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert found.pop() == "Next"
    return found


@pytest.mark.parametrize(
    "wrong", ["sum(up", "sum(up))", "up{job=", "nothing(up)", 'up{job "x"}', "rate(5[5m])", "up ?"]
)
def test_an_expression_that_cannot_be_read_is_seen(wrong: str):
    """The check of expressions finds what is wrong with these."""
    with pytest.raises(AssertionError):
        metrics_of(wrong)
