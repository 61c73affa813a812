"""The dashboard, the rules, Prometheus' example and the pages name metrics that the vault has, and all of its parts."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.prometheus import ROOT, program, rules
from tests.support.metric_catalogue import catalogue, metrics_of
from vault.web.routes import node as route

DASHBOARD = ROOT / "infra" / "grafana.json"
#: In the text format, and what Prometheus makes of a histogram.
NAME = re.compile(r"\b(?:callvault|process)_[a-z_]+[a-z]\b")
SUFFIXES = ("_bucket", "_count", "_sum")
#: Names of files, modules and tables that look like metrics.
#: The last is a field of a CRM system.
NOT_METRICS = {"process_start", "callvault_handover_id"}


def panels() -> list[dict[str, Any]]:
    """Return the panels of the dashboard, without its rows."""
    return [one for one in json.loads(DASHBOARD.read_text())["panels"] if one["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Yield each query of the dashboard with the title of its panel."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


def base(name: str) -> str:
    """Return the metric that a series belongs to."""
    stem = next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)
    return stem if stem in catalogue() else name


@pytest.mark.parametrize(
    ("title", "query"), [pytest.param(*one, id=f"{one[0]} {n}") for n, one in enumerate(queries())]
)
def test_a_query_of_the_dashboard_uses_metrics_and_labels_of_the_catalogue(title: str, query: str):
    """Every name is a metric, every label that it selects by is one of its labels."""
    known = catalogue()
    for name, labels in metrics_of(query).items():
        assert name == "up" or base(name) in known, (title, name)
        if name != "up":
            assert labels <= known[base(name)][1] | {"job", "instance"}, (title, name)


def test_the_dashboard_shows_what_the_alerts_look_at():
    """Each metric of a rule is in a panel: who is woken finds it."""
    shown = {base(name) for _, query in queries() for name in metrics_of(query)}
    watched = {base(name) for rule in rules() for name in metrics_of(rule["expr"])}
    assert watched - shown == set()


def test_each_alert_is_named_by_a_panel_and_on_the_page():
    """A panel's description and the page Monitor name the alerts, and no others."""
    alerts = {rule["alert"] for rule in rules()}
    described = set(re.findall(r"Callvault\w+", " ".join(panel["description"] for panel in panels())))
    page = set(re.findall(r"Callvault\w+", (ROOT / "docs" / "monitor.md").read_text()))
    assert page == alerts
    assert described <= alerts


def test_the_dashboard_can_be_imported():
    """Ids are unique, panels do not overlap, and each asks the data source that the reader chooses."""
    every = json.loads(DASHBOARD.read_text())["panels"]
    assert len({one["id"] for one in every}) == len(every)
    taken = [
        (x, y)
        for one in every
        for x in range(one["gridPos"]["x"], one["gridPos"]["x"] + one["gridPos"]["w"])
        for y in range(one["gridPos"]["y"], one["gridPos"]["y"] + one["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24
    assert {one["datasource"]["uid"] for one in panels()} == {"${datasource}"}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_a_page_names_metrics_that_exist(page: Path):
    """A metric that was renamed is renamed on every page."""
    known = set(catalogue())
    named = {base(name) for name in NAME.findall(page.read_text()) if f"`{name}" in page.read_text()}
    assert {name for name in named if name.startswith("callvault_")} - known - NOT_METRICS == set()


def test_the_example_for_prometheus_is_accepted_and_scrapes_the_job_of_the_rules(tmp_path: Path):
    """Promtool takes it, with the rules beside it; the interval is short enough for the shortest range of a rule."""
    for name in ("prometheus.yml", "alerts.yml"):
        (tmp_path / name).write_text((ROOT / "infra" / name).read_text())
    subprocess.run([program("promtool"), "check", "config", str(tmp_path / "prometheus.yml")], check=True)
    config = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "callvault"
    ports = {target.rpartition(":")[2] for group in job["static_configs"] for target in group["targets"]}
    units = "".join(path.read_text() for path in (ROOT / "infra" / "systemd").glob("*.service"))
    assert ports == set(re.findall(r"port (\d+)", units))
    ranges = [int(found) for rule in rules() for found in re.findall(r"\[(\d+)m\]", rule["expr"])]
    assert int(config["global"]["scrape_interval"].rstrip("s")) * 4 <= min(ranges) * 60


def test_every_state_of_work_has_its_gauges():
    """The queue's metrics have the states that the catalogue lists: retry_wait among them."""
    row = next(
        line
        for line in (ROOT / "docs" / "metrics.md").read_text().splitlines()
        if "callvault_queue_recordings" in line
    )
    assert {str(state) for state in route.WORK} == set(
        re.findall(r"[a-z_]+", row.split("`state`:")[1].split("|")[0])
    )
