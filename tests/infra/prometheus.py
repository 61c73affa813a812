"""Debian's Prometheus on the rules of infra/alerts.yml, so that alerts fire by what a vault shows."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.servers.ports import free_ports
from tests.servers.processes import process, wait_until
from tests.servers.required import require

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "infra" / "alerts.yml"
INSTALL = "apt-get install --no-install-recommends prometheus"
#: How long an alert may take; most fire after two scrapes.
PATIENCE = 90.0


def program(name: str) -> str:
    """Return the path of a program of the package, or skip."""
    require(name, install=INSTALL)
    return shutil.which(name) or name


def rules() -> list[dict[str, Any]]:
    """Return the alert rules as they are."""
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return list(group["rules"])


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that scrapes and evaluates every second, with every expression as it is and no ``for``."""

    url: str

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire, with the part or work that they name."""
        found = httpx.get(f"{self.url}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        fired = [alert["labels"] for alert in found if alert["state"] == "firing"]
        named = {
            f"{one['alertname']}{{{one[label]}}}"
            for one in fired
            for label in ("part", "work")
            if label in one
        }
        return named | {one["alertname"] for one in fired}

    def wait_for_scrapes(self) -> None:
        """Wait until every target answered two scrapes: an increase shows only in a series that was there before."""
        query = "min(sum_over_time(up[1h]))"
        deadline = time.monotonic() + PATIENCE
        while True:
            asked = httpx.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=10).json()
            if (found := asked["data"]["result"]) and float(found[0]["value"][1]) > 1:
                return
            assert time.monotonic() < deadline, asked
            time.sleep(0.2)

    def wait_until_over(self, alert: str) -> None:
        """Wait until an alert does not fire."""
        deadline = time.monotonic() + PATIENCE
        while alert in self.firing():
            assert time.monotonic() < deadline, alert
            time.sleep(0.5)

    def wait_for(self, *alerts: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait until all of these fire at one moment; ``meanwhile`` is called between two questions."""
        deadline = time.monotonic() + PATIENCE
        while missing := set(alerts) - (firing := self.firing()):
            assert time.monotonic() < deadline, f"These do not fire: {missing}; these do: {firing}"
            meanwhile()
            time.sleep(0.5)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def prometheus(folder: Path, *targets: str) -> Iterator[Prometheus]:
    """Scrape the targets, each ``host:port``, in the job of the rules, until the end of the block."""
    command, (port,) = program("prometheus"), free_ports(1)
    folder.mkdir()
    without_for = [{key: value for key, value in rule.items() if key != "for"} for rule in rules()]
    (folder / "rules.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "callvault", "rules": without_for}]})
    )
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "callvault", "static_configs": [{"targets": list(targets)}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    arguments = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    log, url = folder / "log", f"http://127.0.0.1:{port}"
    with process([command, *arguments], log) as running:
        wait_until(lambda: _is_ready(url), running, log, PATIENCE)
        yield Prometheus(url)
