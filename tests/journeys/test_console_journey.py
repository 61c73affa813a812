"""An admin and a second person at the console, signed in by a real provider: one day's work, in three ways.

The steps are the same with the mouse, with scripts off, and by keyboard alone. On the way nothing violates the
content policy, no request fails, and the keyboard sees where it is.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.journeys.console_person import MODES, Mode, Person, person
from tests.servers.oidc_provider_process import require_oidc_provider
from tests.servers.ports import free_ports
from tests.support.example_account import (
    CALLER_NATIONAL,
    OFFICE,
    ExampleAccount,
    example_account,
    spoken,
)
from tests.support.provider_sign_in import connected_provider, set_rule
from tests.support.tenant import PATIENCE, Tenant, moment
from tests.support.web_house import House, open_house

pytestmark = pytest.mark.browser
_VERIFIER = Path(__file__).parents[2] / "examples" / "verify_receipt.py"
#: Whose recording the request erases: nothing holds it, and its number is in no other request.
_ERASED_CALL, _ERASED_NATIONAL = "call-20377", "(212) 555-0163"
_LISTENER = "Kim Osei, team lead"


@dataclass
class Day:
    """What the steps work on. ``second`` is another person at the same provider."""

    first: Person
    second: Person
    house: House
    account: ExampleAccount
    sign_in_url: str
    folder: Path

    @property
    def tenant(self) -> Tenant:
        """Return the account over REST, to see what the console did."""
        return self.account.tenant

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the access events of a kind."""
        return [event for event in self.tenant.events() if event["type"] == kind]


def sign_in(day: Day) -> None:
    """The provider's forms, then the overview."""
    day.first.sign_in(day.sign_in_url, "ada")
    assert "Recording is on" in day.first.page.get_by_role("heading", level=2).first.inner_text()
    assert day.first.page.get_by_role("link", name="1 request of people").count() == 1


def switch_off_and_on(day: Day) -> None:
    """Off with a reason, and on again; each asks for the account's name."""
    for act, said in (("off", "Recording is off."), ("on", "Recording is on again.")):
        day.first.ask(f"Switch recording {act}")
        day.first.fill("Reason (optional)", "a drill")
        _confirm(day, day.first, f"Switch recording {act}")
        assert day.first.page.get_by_role("status").inner_text().startswith(said)
    assert [event["result"] for event in day.events("switch.changed")][-2:] == ["off", "on"]


def find_by_number(day: Day) -> None:
    """A number as people of the place write it; it does not get into the address."""
    day.first.follow("Recordings")
    day.first.fill("Number", CALLER_NATIONAL)
    day.first.press("Find")
    assert "5550142" not in day.first.page.url
    assert day.first.page.locator("tbody tr").count() == 1
    day.first.leave_by("tbody tr a")
    assert day.first.page.url.endswith(day.account.ids["call-20417"])


def hear(day: Day) -> None:
    """Choose a purpose and listen: the sound is there, and the log has who heard it and why."""
    day.first.choose("Purpose", "Quality of service")
    day.first.press("Listen")
    assert "/s/sess_" in day.first.page.url
    day.first.play()
    recording = day.account.ids["call-20417"]
    members = day.tenant.http.get(day.tenant.url("/members")).json()["items"]
    # The others were invited.
    (member,) = [one for one in members if one["signs_in_by"] == "provider"]
    made, opened = (
        [event for event in day.tenant.events(recording) if event["type"] == kind][-1]
        for kind in ("link.created", "playback.open")
    )
    assert (made["actor"], made["result"], member["name"]) == (
        member["id"], "quality", "ada of the real provider",
    )  # fmt: skip
    assert opened["index"] > made["index"]
    day.first.page.goto(f"{day.first.home}/console/accounts/{day.tenant.name}")


def release_from_quarantine(day: Day) -> None:
    """Tick one, see what would happen, and release it. What waited before the switch was off is refused."""
    facts = {
        "direction": "inbound",
        "from": "+12025550155",
        "to": OFFICE,
        "started_at": moment(datetime.now(UTC)),
    }
    day.account.sent("PUT", "/calls/call-20418", facts)
    recording = day.tenant.put(spoken(12), call="call-20418", ref="call-20418-1").json()["id"]
    day.tenant.wait(recording, "quarantined")
    day.first.follow("Quarantine")
    day.first.tick("Call call-20418")
    day.first.press("Release …")
    day.first.fill("Reason", "the contract of 2025 has her consent")
    day.first.press("Release 1")
    assert day.first.page.get_by_role("heading", name="1 of 1 done").count() == 1
    day.tenant.wait(recording)


def revoke_a_listener(day: Day) -> None:
    """All links of one person end together."""
    day.first.follow("People listening")
    day.first.fill("Listener", _LISTENER)
    day.first.press("Find")
    day.first.ask(f"Revoke all links of {_LISTENER}")
    day.first.fill("To confirm, type", _LISTENER)
    day.first.press("Revoke all")
    found = day.tenant.http.get(day.tenant.url("/links"), params={"listener": _LISTENER, "open": "true"})
    assert found.json()["items"] == []


def set_retention(day: Day) -> None:
    """Change a period, see what it would erase, and set it."""
    day.first.follow("Retention and holds")
    day.first.follow("Change the policy")
    quality = day.first.page.get_by_role("group", name="Class quality")
    day.first.fill("Period", "9 months", within=quality)
    day.first.press("Preview")
    assert "No recording of today would be erased" in day.first.page.locator("main").inner_text()
    _confirm(day, day.first, "Set this policy")
    assert day.first.page.get_by_role("status").inner_text() == "The retention policy is set."
    policy = day.tenant.http.get(day.tenant.url("/retention-policy")).json()
    assert "P9M" in json.dumps(policy)
    # The worker does so every minute; until then, erasures wait.
    while day.house.call(day.house.vault.jobs.apply_policies):
        pass


def place_a_hold(day: Day) -> None:
    """On a number, in national spelling."""
    day.first.follow("Holds")
    day.first.follow("Place a hold")
    day.first.fill("Name", "Complaint 2217")
    day.first.fill("Reason", "A complaint at the authority")
    day.first.fill("Telephone numbers", CALLER_NATIONAL)
    day.first.press("Place the hold")
    assert day.first.page.get_by_role("status").inner_text().startswith("The hold is placed")
    assert (
        day.tenant.http.delete(day.tenant.url(f"/recordings/{day.account.ids['call-20417']}")).status_code
        == 409
    )


def ask_for_an_erasure(day: Day) -> None:
    """Enter the letter, record who it is, and decide; the rule asks for a second person."""
    day.first.follow("Requests")
    day.first.follow("Enter a request")
    day.first.choose("What they ask for", "Erasure")
    day.first.fill("Your reference", "letter 12")
    day.first.fill("Telephone numbers of the person", _ERASED_NATIONAL)
    day.first.fill("Country of the numbers", "US")
    day.first.press("Enter and search")
    day.first.press("Record it")
    day.first.choose("On everything that is found", "erase (1 of 1 recording)")
    day.first.press("Check the decision")
    _confirm(day, day.first, "Decide")
    assert day.first.page.get_by_role("status").inner_text().startswith("Another person must approve")
    assert day.tenant.get(day.account.ids[_ERASED_CALL])["state"] == "available"


def approve_as_the_second_person(day: Day) -> None:
    """Somebody else signs in at the same provider, and approves what they see."""
    day.second.sign_in(day.sign_in_url, "grace")
    day.second.follow("Approvals")
    day.second.follow("Erasure that a person asked for")
    day.second.ask("Approve")
    _confirm(day, day.second, "Approve")
    assert day.second.page.get_by_role("status").inner_text() == "You approved."


def download_the_receipt(day: Day) -> None:
    """When the recording is gone; the script that stands alone says that the receipt is right."""
    deadline = time.monotonic() + PATIENCE
    day.first.follow("Requests")
    day.first.follow("letter 12")
    link = day.first.page.get_by_role("link", name="Download the receipt")
    while not link.count():
        assert time.monotonic() < deadline, day.first.page.locator("main").inner_text()
        day.first.page.reload()
    assert day.tenant.get(day.account.ids[_ERASED_CALL])["state"] == "erased"
    with day.first.page.expect_download() as download:
        day.first.act(link)
    receipt = day.folder / "receipt.json"
    download.value.save_as(receipt)
    key = day.tenant.http.get("/v1/access-log/key").text.strip()
    said = subprocess.run(
        [sys.executable, _VERIFIER, receipt, key], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert day.account.ids[_ERASED_CALL] in said.stdout


STEPS = (
    sign_in,
    switch_off_and_on,
    find_by_number,
    hear,
    release_from_quarantine,
    revoke_a_listener,
    set_retention,
    place_a_hold,
    ask_for_an_erasure,
    approve_as_the_second_person,
    download_the_receipt,
)


@pytest.fixture(scope="module")
def port() -> int:
    """The port of the provider, which the vault may ask."""
    require_oidc_provider()
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def work(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A vault that may ask the provider."""
    folder = tmp_path_factory.mktemp("journey")
    with open_house(folder, VAULT_MEDIA_ALLOW=f"127.0.0.1:{port}") as house:
        yield house


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", MODES)
def test_a_day_at_the_console(work: House, port: int, chrome: Browser, tmp_path: Path, mode: Mode):
    """Every step, in each way, without any trouble on the way."""
    account = example_account(work)
    rule = set_rule(work, account.tenant, None)
    with (
        connected_provider(account.tenant, port, "admin") as connection,
        person(chrome, mode, work.url) as first,
        person(chrome, mode, work.url) as second,
    ):
        set_rule(work, account.tenant, rule)
        day = Day(first, second, work, account, connection["sign_in_url"], tmp_path)
        for step in STEPS:
            step(day)
            assert first.troubles + second.troubles == [], step.__name__


def _confirm(day: Day, who: Person, button: str) -> None:
    """Type the account's name, and press the button of the dialog or of the question on the page."""
    who.fill("To confirm, type", day.tenant.name)
    who.press(button)
