"""Close an account in the console: what would be erased, a second person, taken back, the export and the receipt."""

import time
from datetime import timedelta

import httpx
from sqlalchemy import update

from tests.support.console import form_of, sign_in
from tests.support.tenant import PATIENCE, Tenant
from tests.support.web_house import AUDIO, House
from vault.database.schema.requests import person_requests
from vault.domain.approvals.approval import Approval
from vault.services.retention.retention_clock import PAUSED

MARKUP = "<script>alert(1)</script>"


def path_of(tenant: Tenant) -> str:
    """Return the path of the page."""
    return f"/console/accounts/{tenant.name}/closure"


def ask(client: httpx.Client, tenant: Tenant, **more: str) -> httpx.Response:
    """Fill in the form, with the account's name typed."""
    path = path_of(tenant)
    return client.post(path, data=form_of(client.get(path), path) | {"name": tenant.name} | more)


def waits_no_longer(house: House, tenant: Tenant) -> None:
    """Let the waiting time of the closure be over."""

    def end(tx) -> None:
        mine = person_requests.c.account_id == tenant.id
        tx.connection.execute(
            update(person_requests).where(mine).values(due_at=tx.now() - timedelta(seconds=1))
        )

    house.call(house.vault.database.write, end)


def test_a_hold_counts_before_a_sweep_has_seen_it(house: House, tenant: Tenant):
    """What keeps recordings beyond the closure is shown as soon as it is placed."""
    client, path = sign_in(house, tenant.name), path_of(tenant)
    assert "<b>0</b>holds in force</li>" in client.get(path).text
    wanted = {"name": "case 7", "reason": "a lawsuit", "covers": {"all": True}}
    assert tenant.http.post(tenant.url("/holds"), json=wanted).status_code == 201
    assert "<b>1</b>hold in force</li>" in client.get(path).text


def test_the_closure_is_asked_for_and_taken_back(house: House, tenant: Tenant):
    """With what would be erased in numbers; a wrong name changes nothing, and a double click asks once."""
    tenant.uploaded(AUDIO)
    client, path = sign_in(house, tenant.name), path_of(tenant)
    page = client.get(path).text
    assert "<b>1</b>recording</li>" in page
    wrong = ask(client, tenant, reason=MARKUP, name="other")
    assert (wrong.status_code, MARKUP in wrong.text, "alert(1)" in wrong.text) == (422, False, True)
    assert ask(client, tenant, reason="").status_code == 422
    assert tenant.http.get(tenant.url("/closure")).status_code == 404
    form = form_of(client.get(path), path) | {"name": tenant.name, "reason": MARKUP, "export": "on"}
    for _ in range(2):
        assert client.post(path, data=form).headers["location"] == f"{path}?done=closure_asked"
    waits = client.get(path).text
    assert "What is still there" in waits
    assert "Close this account?" not in waits
    assert MARKUP not in waits
    # It is on the board of requests, whose link leads back to this page.
    board = client.get(f"/console/accounts/{tenant.name}/requests").text
    closure = tenant.http.get(tenant.url("/closure")).json()["id"]
    assert "Closure of the account</p>" in board
    assert f">{closure}<" not in board
    assert client.get(f"/console/accounts/{tenant.name}/requests/{closure}").headers["location"] == path
    back = client.post(f"{path}/withdrawal", data=form_of(client.get(path), f"{path}/withdrawal"))
    assert back.headers["location"].endswith("closure_taken_back")
    assert tenant.http.get(tenant.url("/closure")).json()["state"] == "withdrawn"
    assert "Close this account?" in client.get(path).text
    assert "Closure of the account</td>" in client.get(f"/console/accounts/{tenant.name}/requests").text
    assert [one for one in tenant.types() if one.startswith("account.closure")] == [
        "account.closure_asked",
        "account.closure_withdrawn",
    ]


def test_a_paused_closure_says_who_lets_it_go_on(house: House, tenant: Tenant):
    """In the place of the days left, with the command; on the overview too, also while it is carried out."""
    client, path = sign_in(house, tenant.name), path_of(tenant)
    assert ask(client, tenant, reason="We move").status_code == 303
    overview = f"/console/accounts/{tenant.name}"
    assert "days left" in client.get(path).text
    assert "paused" not in client.get(path).text + client.get(overview).text
    write, metadata = house.vault.database.write, {PAUSED: b"clock_jump"}
    house.call(write, lambda tx: tx.metadata.replace(metadata))
    try:
        page = client.get(path).text
        assert "<code>callvault retention resume</code>" in page
        assert "days left" not in page
        waits = "paused until the operator of the vault lets it go on, and can be taken back"
        assert waits in client.get(overview).text
        mine = person_requests.c.account_id == tenant.id
        begun = update(person_requests).where(mine).values(state="executing")
        house.call(write, lambda tx: tx.connection.execute(begun) and None)
        assert "That is paused until the operator" in client.get(overview).text
        assert "<code>callvault retention resume</code>" in client.get(path).text
    finally:
        house.call(write, lambda tx: tx.metadata.replace({}, drop=[PAUSED]))


def many_wait(house: House, tenant: Tenant) -> None:
    """Let more approvals of another kind wait than one page shows, all newer."""

    def add(tx) -> None:
        now = tx.now()
        for number in range(201):
            more = Approval(
                id=f"appr_{tenant.name}_{number}",
                account_id=tenant.id,
                kind="call_erasure",
                subject="",
                asked_by="key_0",
                asked_at=now + timedelta(seconds=1),
                approve_by=now + timedelta(days=1),
            )
            tx.approvals.add(more)

    house.call(house.vault.database.write, add)


def test_a_second_person_approves_the_closure(house: House, tenant: Tenant):
    """Where the rule wants it: nothing is asked for before, and the page says what it waits for."""
    rule = {"enabled": True, "verbs": ["account_closure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    client, path = sign_in(house, tenant.name), path_of(tenant)
    assert "Another person must approve it first." in client.get(path).text
    asked = ask(client, tenant, reason="The contract has ended.").headers["location"]
    approval = asked.partition("?")[0]
    assert tenant.http.get(tenant.url("/closure")).status_code == 404
    many_wait(house, tenant)
    waits = client.get(path).text
    assert f'href="{approval}"' in waits
    assert "Close this account?" not in waits
    secret = house.call(
        house.vault.accounts.api_keys.issue,
        name="second",
        scopes=["*"],
        account_id=tenant.id,
        actor="operator",
    )[1].text
    second = house.client({"Sec-Fetch-Site": "same-origin"})
    assert second.post("/console/sign-in", data={"key": secret}).status_code == 303
    form = form_of(second.get(approval), approval) | {"name": tenant.name, "decision": "approve"}
    assert second.post(approval, data=form).headers["location"].endswith("approved")
    assert tenant.http.get(tenant.url("/closure")).json()["state"] == "review"


def test_the_export_and_the_receipt_are_downloaded(house: House, tenant: Tenant):
    """After the waiting time: parts with the downloads that are left, and what was erased."""
    recording = tenant.uploaded(AUDIO)
    client, path = sign_in(house, tenant.name), path_of(tenant)
    assert ask(client, tenant, reason="The contract has ended.", export="on").status_code == 303
    waits_no_longer(house, tenant)
    # The worker does it part by part.
    deadline = time.monotonic() + 5 * PATIENCE
    while "Download the receipt" not in (page := client.get(path).text):
        assert time.monotonic() < deadline, page
        time.sleep(0.2)
    requests = (
        f"/console/accounts/{tenant.name}/requests/{tenant.http.get(tenant.url('/closure')).json()['id']}"
    )
    assert ">3</td>" in page
    part = client.post(f"{requests}/package", data={"part": "1"})
    assert (part.status_code, part.headers["content-type"]) == (200, "application/zip")
    assert ">2</td>" in client.get(path).text
    assert "key_versions_destroyed" in client.get(f"{requests}/receipt").text
    assert tenant.get(recording)["state"] == "erased"
    reader = sign_in(house, tenant.name, "audit:read")
    assert 'name="part"' not in reader.get(path).text
