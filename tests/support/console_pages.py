"""Every page of the console below an account, for the checks and for the pictures of the documentation."""

from collections.abc import Callable, Mapping
from typing import Final

from playwright.sync_api import Page

from tests.support.example_account import CALLER_NATIONAL, ExampleAccount

#: Below the account; names in braces are ids of ``tests.support.example_account``.
PAGES: Final = {
    "overview": "",
    "calls-without": "/missing",
    "usage": "/usage",
    "recordings": "/recordings",
    "recording": "/recordings/{call-20417}",
    "recording-restricted": "/recordings/{call-20384}",
    "card-data": "/card-data",
    "card-data-back-fill": "/card-data/back-fill",
    "share": "/recordings/{call-20417}/share?at=12",
    "evidence": "/recordings/{call-20417}/evidence",
    "quarantine": "/quarantine",
    "people": "/people",
    "consent": "/consent",
    "notices": "/consent/notices",
    "notice": "/consent/notices/{notice}",
    "notice-new": "/consent/notices/new",
    "rules": "/consent/rules?place=US-CA",
    "objections": "/consent/objections",
    "retention": "/retention",
    "retention-change": "/retention/change",
    "holds": "/holds",
    "hold": "/holds/{hold}",
    "hold-new": "/holds/new",
    "requests": "/requests",
    "request": "/requests/{mail-2071}",
    "request-closed": "/requests/{mail-2066}",
    "request-new": "/requests/new",
    "registers": "/registers",
    "record-change": "/registers/record/change",
    "recipients": "/registers/recipients",
    "recipient": "/registers/recipients/{recipient}",
    "recipient-new": "/registers/recipients/new",
    "disclosures": "/registers/disclosures",
    "authorities": "/registers/authorities",
    "authority": "/registers/authorities/{authority}",
    "authority-new": "/registers/authorities/new",
    "request-callback": "/request-callback",
    "closure": "/closure",
    "approvals": "/approvals",
    "approval": "/approvals/{approval}",
    "account": "/account",
    "connections": "/connections",
    "connection": "/connections/{connection}",
    "deliveries": "/connections/{connection}/deliveries",
    "events": "/events",
    "event-endpoint": "/events/{endpoint}",
    "event-deliveries": "/events/{endpoint}/deliveries",
    "integrations": "/integrations",
    "integration": "/integrations/{integration}",
    "integration-refused": "/integrations/{refused integration}",
    "integration-app": "/integrations/{app integration}",
    "integration-systems": "/integrations/new",
    "integration-new": "/integrations/new?system=hubspot",
    "integration-new-app": "/integrations/new?system=salesforce",
    "handovers": "/handovers",
    "handovers-held": "/handovers?state=held",
    "connection-platforms": "/connections/new",
    "connection-new": "/connections/new?provider=twilio",
    "keys": "/connections/keys",
    "link-key": "/connections/keys/links/new",
    "link-cuts": "/connections/keys/cuts",
    "access": "/access",
    "member-new": "/access/invitation",
    "member": "/access/members/{member}",
    "sign-in-new": "/access/sign-in/new",
    "sign-in-connection": "/access/sign-in/{provider}",
    "api-keys": "/access/keys",
    "log": "/log",
    "checkpoint": "/log/checkpoint",
    "verify": "/log/verify",
}
#: Below the account: what is no page of its own, and why.
NO_PAGES: Final = {
    "/numbers": "a part of the overview",
    "/recordings/{recording}/waveform.svg": "an image",
    "/consent/notices/{notice}/audio": "audio",
    "/quarantine/results/{result}": "led to by a form: quarantine-result",
    "/people/export.csv": "a file",
    "/access/provisioning": "test_provisioning.py fills it",
    "/usage/export.csv": "a file",
    "/log/events/{index}/proof": "a file",
    "/log/export": "a file",
    "/requests/{request_id}/receipt": "a file",
    "/registers/authorities/report": "a file",
}


def path_of(account: ExampleAccount, name: str) -> str:
    """Return the address of a page of the example account."""
    path = PAGES[name]
    for what, one in account.ids.items():
        path = path.replace(f"{{{what}}}", one)
    return f"/console/accounts/{account.tenant.name}{path}"


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_load_state()


def _find(page: Page) -> None:
    page.get_by_label("Number", exact=True).fill(CALLER_NATIONAL)
    _press(page, "Find")


def _find_listener(page: Page) -> None:
    page.get_by_label("Listener", exact=True).fill("Kim Osei, team lead")
    _press(page, "Find")


def _preview_release(page: Page) -> None:
    page.get_by_label("Call call-20405").check()
    _press(page, "Release …")


def _release(page: Page) -> None:
    page.get_by_label("Call call-20368").check()
    _press(page, "Release …")
    page.get_by_label("Reason", exact=True).fill("the contract of 2025 has their consent")
    _press(page, "Release 1")


def _share(page: Page) -> None:
    page.get_by_label("Who listens").fill("Kim Osei, team lead")
    page.get_by_label("Purpose", exact=True).select_option("quality")
    _press(page, "Make the link")


def _decide(page: Page) -> None:
    page.get_by_label("On everything that is found").select_option("erased")
    _press(page, "Check the decision")


def _make_key(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("Nightly import")
    page.get_by_label("recordings:read", exact=True).check()
    _press(page, "Make the key")


def _set_callback(page: Page) -> None:
    page.get_by_label("Address (https)").fill("https://harbourcycles.example/requests")
    _press(page, "Set it and show the secret")


def _preview_system(page: Page) -> None:
    page.get_by_label("Service key").fill("pat-na1-0000-0000")
    page.get_by_label("Name of the vendor").fill("HubSpot, Inc.")
    page.get_by_label("Country").fill("US")
    page.get_by_label("Safeguard of the transfer").select_option("standard_clauses")
    _press(page, "Check and preview")


def _count_earlier(page: Page) -> None:
    page.get_by_label("From (UTC)").fill("2026-01-01T00:00")
    page.get_by_label("Before (UTC)").fill("2030-01-01T00:00")
    _press(page, "Count them")


def _verify(page: Page) -> None:
    requests = page.url.replace("/log/verify", "/requests")
    page.goto(requests)
    page.get_by_role("link", name="mail-2066").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the receipt").click()
    page.get_by_role("link", name="Verify a receipt").click()
    page.get_by_label("Receipt (JSON) or proof").set_input_files(download.value.path())
    _press(page, "Verify")


#: Pages that a form leads to: the page with the form, and what is done on it.
STEPS: Final[Mapping[str, tuple[str, Callable[[Page], None]]]] = {
    "switch-off": ("overview", lambda page: _press(page, "Switch recording off")),
    "recordings-found": ("recordings", _find),
    "people-found": ("people", _find_listener),
    "share-made": ("share", _share),
    "quarantine-preview": ("quarantine", _preview_release),
    "quarantine-result": ("quarantine", _release),
    "retention-preview": ("retention-change", lambda page: _press(page, "Preview")),
    "hold-release": ("hold", lambda page: _press(page, "Preview the release")),
    "request-decision": ("request", _decide),
    "request-mistake": ("request", lambda page: _press(page, "Check the decision")),
    "request-callback-set": ("request-callback", _set_callback),
    "approve": ("approval", lambda page: _press(page, "Approve")),
    "integration-preview": ("integration-new", _preview_system),
    "integration-authorize": ("integration-app", lambda page: _press(page, "Authorize")),
    "integration-last-calls": ("integration", lambda page: _press(page, "Preview the last calls")),
    "integration-count": ("integration", _count_earlier),
    "integration-end": ("integration", lambda page: _press(page, "Remove everything and end")),
    "api-key-made": ("api-keys", _make_key),
    "verified": ("verify", _verify),
}
