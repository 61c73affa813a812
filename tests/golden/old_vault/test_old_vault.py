"""A database and a bucket of an earlier commit start under this release, and serve as before.

Each archive beside this file was written by ``make.py`` with the code of the commit in its name. The server runs
at the time at which the archive was written, because links and quarantined recordings expire.
"""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from tests.golden.old_vault.kept import Kept, unpack
from tests.golden.old_vault.make import ACCOUNT, CALLER, LISTENER, OBJECTOR, make, sound_of
from tests.servers.vault_process import ROOT
from tests.support.tenant import Tenant, moment, open_link, tone
from tests.support.whole_log import read_account_export, read_export
from vault.telephony.signatures.standard_webhooks import sign
from vault.tlog.key_statement import open_statement
from vault.tlog.note import parse_verifier

HERE = Path(__file__).parent
COMMITTED = sorted(HERE.glob("*.tar.xz"))
NEWEST = max(
    path.name[:4] for path in (ROOT / "vault" / "database" / "migrations" / "versions").glob("0*.py")
)


@pytest.fixture(params=COMMITTED, ids=lambda archive: archive.name.partition(".")[0])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """A copy of each committed vault."""
    return unpack(request.param, tmp_path)


def test_there_is_one_of_the_first_edition() -> None:
    """What was committed once is never taken away."""
    assert "8cda592.tar.xz" in {archive.name for archive in COMMITTED}


def test_it_serves_what_it_had(kept: Kept) -> None:
    """The first start migrates; then what was there is listed, played, shared and proved, and work goes on."""
    the_vault_serves(kept)


def test_a_vault_of_today_would_be_kept_too(tmp_path: Path) -> None:
    """What writes them still works, and this release passes the same test with what it writes itself."""
    make(ROOT, tmp_path / "today.tar.xz")
    the_vault_serves(unpack(tmp_path / "today.tar.xz", tmp_path))


def the_vault_serves(kept: Kept) -> None:
    """Start it and use all of it."""
    with kept.serving() as http:
        tenant = kept.tenant(http)
        settings_are_there(kept, tenant)
        recordings_are_what_they_were(kept, tenant)
        the_link_opens(kept, tenant)
        the_log_goes_on(kept, tenant)
        the_quarantined_one_is_released(kept, tenant)
        new_ones_come_in(kept, tenant)
        one_is_erased(kept, tenant)
        checked = kept.command("fsck", "--sample", "100")
        assert checked.returncode == 0, checked.stdout + checked.stderr
    # A second start finds a migrated database.
    with kept.serving() as http:
        assert http.get(f"/v1/accounts/{ACCOUNT}/recordings").status_code == 200


def settings_are_there(kept: Kept, tenant: Tenant) -> None:
    """Account, switch with its history, policy, notice with audio, objection."""
    assert tenant.http.get(tenant.url()).json()["name"] == "Acme Limited"
    switch = tenant.http.get(tenant.url("/recording-switch")).json()
    assert (switch["enabled"], switch["epoch"]) == (True, 1)
    history = tenant.http.get(tenant.url("/recording-switch/history")).json()["items"]
    assert [change["enabled"] for change in history][:2] in ([True, False], [False, True])
    policy = tenant.http.get(tenant.url("/consent-policy")).json()
    assert (policy["mode"], policy["home_place"], policy["quarantine_days"]) == ("announce", "US-DC", 365)
    notice = tenant.http.get(tenant.url(f"/notices/{kept.known['notice']}")).json()
    assert (notice["status"], notice["version"]) == ("published", 1)
    audio = tenant.http.get(tenant.url(f"/notices/{kept.known['notice']}/audio"))
    assert audio.content.startswith(b"RIFF")
    (objection,) = tenant.http.get(tenant.url("/objections")).json()["items"]
    assert objection["number"] == OBJECTOR
    facts = {"direction": "outbound", "from": CALLER, "to": OBJECTOR, "started_at": objection["since"]}
    assert tenant.http.put(tenant.url("/calls/call-o"), json=facts).json()["decision"]["record"] is False


def recordings_are_what_they_were(kept: Kept, tenant: Tenant) -> None:
    """Each is in its state; those that may be heard are the same bytes, and the evidence is the same."""
    listed = tenant.http.get(tenant.url("/recordings"), params={"limit": 100}).json()["items"]
    states = {one["recording_ref"]: one["state"] for one in listed}
    assert (
        states.items() >= {"heard": "available", "rotated": "available", "quarantined": "quarantined"}.items()
    )
    for ref in ("refused", "erased"):
        assert tenant.get(kept.id_of(ref))["state"] == ref
        assert tenant.http.get(tenant.url(f"/recordings/{kept.id_of(ref)}/audio")).status_code in {
            404,
            409,
            410,
        }
    found = tenant.http.get(tenant.url("/recordings"), params={"number": CALLER}).json()["items"]
    assert {"heard", "announced", "rotated"} <= {one["recording_ref"] for one in found}
    assert tenant.get(kept.id_of("announced"))["flags"]["restricted"]
    assert tenant.http.delete(tenant.url(f"/recordings/{kept.id_of('announced')}/restriction")).is_success
    for ref in ("heard", "announced", "rotated"):
        plays(kept, tenant, ref)
    evidence = tenant.http.get(tenant.url(f"/recordings/{kept.id_of('heard')}/evidence")).json()
    assert evidence == kept.known["evidence"]


def plays(kept: Kept, tenant: Tenant, ref: str) -> None:
    """The audio is what it was, whole and in part."""
    path = tenant.url(f"/recordings/{kept.id_of(ref)}/audio")
    whole = tenant.http.get(path).content
    assert sha256(whole).hexdigest() == kept.known["recordings"][ref]["sha256"]
    assert whole == sound_of(ref)
    part = tenant.http.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])


def the_link_opens(kept: Kept, tenant: Tenant) -> None:
    """The link that was made then opens a session, and the history tells of both listenings."""
    heard = kept.id_of("heard")
    (link,) = tenant.http.get(tenant.url(f"/recordings/{heard}/links")).json()["items"]
    assert link["listener"] == LISTENER
    with httpx.Client(base_url=kept.url) as browser:
        player = open_link(browser, kept.known["link"]).headers["location"]
        assert browser.get(f"{player}/audio").content == sound_of("heard")
    history = tenant.http.get(tenant.url(f"/recordings/{heard}/history")).json()["items"]
    texts = [one["text"] for one in history]
    assert texts.count(f"Opened by {LISTENER} from 127.0.0.1") == len(["then", "now"]), texts


def the_log_goes_on(kept: Kept, tenant: Tenant) -> None:
    """Every event is as it was, and both checkpoints are beginnings of the log of today, under the same key."""
    then, now = kept.known["events"], {event["index"]: event for event in tenant.events()}
    for event in then:
        assert now[event["index"]].items() >= event.items()
    key = kept.known["log_key"]
    assert tenant.http.get("/v1/access-log/key").text.strip() == key
    own = read_account_export(tenant.http.get(tenant.url("/access-log/export")).content, key)
    # A player that was left may have ended between the two reads.
    later = {event["index"] for event in tenant.events()}
    assert now.keys() <= own.keys() <= later
    export = kept.command("log", "export").stdout
    log = read_export(export.encode(), key)
    for name in ("checkpoint_1", "checkpoint_2"):
        log.continues(kept.known[name].encode(), key)
    statement = open_statement(kept.known["statement"].encode(), [parse_verifier(key)])
    assert (statement.owner, statement.version) == (tenant.id, 1)
    assert tenant.http.get(tenant.url("/key-rotation/statements/1")).text == kept.known["statement"]
    (kept.folder / "log").write_text(export)
    (kept.folder / "checkpoint").write_text(kept.known["checkpoint_2"])
    checked = kept.command(
        "verify-log", str(kept.folder / "log"), "--key", key, "--checkpoint", str(kept.folder / "checkpoint")
    )
    assert checked.returncode == 0, checked.stderr


def the_quarantined_one_is_released(kept: Kept, tenant: Tenant) -> None:
    """An admin's release lets it through the gate, and it plays."""
    path = tenant.url(f"/recordings/{kept.id_of('quarantined')}")
    released = tenant.http.post(f"{path}/release", json={"reason": "an example"})
    assert released.status_code == 200, released.text
    tenant.wait(kept.id_of("quarantined"))
    plays(kept, tenant, "quarantined")


def new_ones_come_in(kept: Kept, tenant: Tenant) -> None:
    """The connection takes signed webhooks, and an upload is sealed under the key of the rotation."""
    now = moment(kept.now())
    event = {
        "type": "call.started",
        "timestamp": now,
        "data": {"call_ref": "new", "started_at": now, "from": CALLER},
    }
    body = json.dumps(event).encode()
    signed = sign(tenant.secret, delivery_id="delivery-new", sent_at=kept.now(), body=body)
    assert tenant.http.post(tenant.webhook_url, content=body, headers=signed).is_success
    facts = {"direction": "inbound", "from": CALLER, "to": "+12025550199", "started_at": now}
    assert tenant.http.put(tenant.url("/calls/new"), json=facts).is_success
    told = {"party": "caller", "event": "announced", "method": "announcement", "at": now}
    assert tenant.http.post(tenant.url("/calls/new/consent"), json=told).is_success
    sent = tenant.put(tone(0.1), call="new", ref="new")
    assert sent.status_code == 201, sent.text
    tenant.wait(sent.json()["id"])


def one_is_erased(kept: Kept, tenant: Tenant) -> None:
    """What was sealed then is erased now: its object is gone."""
    heard = kept.id_of("heard")
    objects = kept.data_dir / "objects" / "recordings" / tenant.id
    assert [*objects.glob(f"{heard}/*.audio")]
    assert tenant.http.delete(tenant.url(f"/recordings/{heard}")).is_success
    tenant.wait(heard, "erased")
    assert [*objects.glob(f"{heard}/*.audio")] == []


def test_it_migrates_as_the_page_says(kept: Kept) -> None:
    """docs/operate.md: take a backup, then start. `callvault migrate` does the same without a start."""
    before = kept.schema()
    shutil.copy(kept.data_dir / "vault.db", kept.folder / "backup.db")
    assert before != NEWEST
    done = kept.command("migrate")
    assert done.returncode == 0, done.stderr
    assert kept.schema() == NEWEST
    shutil.copy(kept.folder / "backup.db", kept.data_dir / "vault.db")
    assert kept.schema() == before
    with kept.serving() as http:
        plays(kept, kept.tenant(http), "heard")
    assert kept.schema() == NEWEST


def test_it_comes_back_from_its_bucket_alone(kept: Kept) -> None:
    """`callvault restore` into an empty database: what the bucket has plays, and what was closed stays closed."""
    tenant_id = kept.known["account"]
    (kept.data_dir / "vault.db").unlink()
    restored = kept.command("restore")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    kept.known["api_key"] = kept.create_key()
    with kept.serving() as http:
        tenant = Tenant(http, ACCOUNT, "", kept.known["secret"], tenant_id)
        assert http.get(tenant.url()).json()["id"] == tenant_id
        for ref in ("heard", "rotated"):
            plays(kept, tenant, ref)
        assert tenant.get(kept.id_of("announced"))["flags"]["restricted"]
        assert {tenant.get(kept.id_of(ref))["state"] for ref in ("refused", "erased")} == {
            "refused",
            "erased",
        }
        # It was in quarantine, and those are in the database alone.
        assert http.get(tenant.url(f"/recordings/{kept.id_of('quarantined')}")).status_code == 404
        (objection,) = http.get(tenant.url("/objections")).json()["items"]
        assert objection["number"] == OBJECTOR
        log = read_export(kept.command("log", "export").stdout.encode(), kept.known["log_key"])
        for name in ("checkpoint_1", "checkpoint_2"):
            log.continues(kept.known[name].encode(), kept.known["log_key"])
        checked = kept.command("fsck", "--sample", "100")
        assert checked.returncode == 0, checked.stdout + checked.stderr
