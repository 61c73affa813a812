"""``callvault move-account`` from one running vault to a stopped one: what was given out before works afterwards."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.tenant import Tenant, moment, open_link, tone
from vault.telephony.signatures.standard_webhooks import sign
from vault.tlog.note import open_note, parse_verifier

SECRET = "whsec_" + "c2VjcmV0" * 4


@contextmanager
def stopped_vault(folder: Path) -> Iterator[VaultProcess]:
    """Make a vault, and stop it; it is stopped at the end too."""
    folder.mkdir()
    server = VaultProcess(folder)
    server.create_key()
    try:
        yield server
    finally:
        if server.running is not None:
            server.stop()


def settings_of(server: VaultProcess, file: Path, **more: str) -> Path:
    """Write the settings of a vault into a file."""
    settings = {"VAULT_PUBLIC_URL": server.url, "VAULT_DATA_DIR": str(server.data_dir), **more}
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    return file


def client_of(server: VaultProcess, key: str) -> httpx.Client:
    """Return a client with a key."""
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


def webhook(kind: str, data: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a signed webhook."""
    now = datetime.now(UTC)
    body = json.dumps({"type": kind, "timestamp": moment(now), "data": data}).encode()
    return body, dict(sign(SECRET, delivery_id=secrets.token_hex(8), sent_at=now, body=body))


def test_what_was_given_out_before_works_after_the_move(tmp_path: Path):
    """An old link plays, an old webhook address takes a webhook, an old key is told, and both logs verify."""
    with (
        stopped_vault(tmp_path / "there") as there,
        # A private address is one that webhooks are passed on to only where the operator allows it.
        vault_process(tmp_path / "here", VAULT_MEDIA_ALLOW=f"127.0.0.1:{there.port}") as here,
    ):
        key = here.create_key()
        with client_of(here, key) as client:
            tenant = Tenant.open(client)
            recording = tenant.uploaded(tone(0.5))
            connection = client.put(
                tenant.url("/connections/main"),
                json={"provider": "platform", "credentials": {"secret": SECRET}},
            ).json()
            link = client.post(tenant.url(f"/recordings/{recording}/links"), json={"listener": "Kim"}).json()[
                "url"
            ]
            verifier = parse_verifier(client.get("/v1/access-log/key").text.strip())
        own = here.create_key("--account", tenant.name)
        target = settings_of(there, tmp_path / "there.toml")
        moved = here.command("move-account", tenant.name, "--to", str(target))
        assert moved.returncode == 0, moved.stderr
        assert f"The account is at {there.url}." in moved.stderr
        assert "... rows" in moved.stderr
        again = here.command("move-account", tenant.name, "--to", str(target))
        assert (again.returncode, again.stdout) == (0, moved.stdout)
        aborted = here.command("move-account", tenant.name, "--to", str(target), "--abort")
        assert (aborted.returncode, aborted.stdout) == (1, "")
        assert "without --abort" in aborted.stderr

        there.start()
        with client_of(there, there.create_key()) as client:
            other = parse_verifier(client.get("/v1/access-log/key").text.strip())
        note = open_note(moved.stdout.encode(), [verifier, other])
        assert set(note.signed_by) == {verifier, other}
        with client_of(here, own) as client:
            told = client.get(tenant.url(f"/recordings/{recording}"))
            assert (told.status_code, told.json()["address"]) == (421, there.url)
        with client_of(there, own) as client:
            assert client.get(tenant.url(f"/recordings/{recording}/audio")).content == tone(0.5)
        path = link[link.index("/p/") :]
        with httpx.Client(base_url=here.url, timeout=30) as listener:
            led = listener.get(path)
            assert (led.status_code, led.headers["location"]) == (308, there.url + path)
        with httpx.Client(base_url=there.url, timeout=30) as listener:
            assert open_link(listener, path).status_code == 303
        body, headers = webhook("call.started", {"call_ref": "late", "direction": "inbound"})
        hook = connection["webhook_url"]
        answer = httpx.post(hook, content=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        there.stop()
        checked = there.command("fsck")
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_errors_say_what_to_do(tmp_path: Path):
    """The target runs, has another root key, lacks a vault or a setting, or is this vault; nothing has changed."""
    with (
        vault_process(tmp_path / "here") as here,
        stopped_vault(tmp_path / "there") as there,
        client_of(here, here.create_key()) as client,
    ):
        tenant = Tenant.open(client)
        recording = tenant.uploaded(tone(0.3))
        file = tmp_path / "target.toml"

        def refused(name: str = tenant.name, **settings: str) -> str:
            settings_of(there, file, **settings)
            done = here.command("move-account", name, "--to", str(file))
            assert (done.returncode, done.stdout) == (1, ""), done.stderr
            return done.stderr

        assert "has no VAULT_PUBLIC_URL" in refused(VAULT_PUBLIC_URL="")
        assert "unknown: VAULT_REGON" in refused(VAULT_REGON="eu")
        assert "root key is not the one" in refused(VAULT_ROOT_KEY_URL=f"file://{here.data_dir}/root.key")
        assert "There is no" in refused(VAULT_DATA_DIR=str(tmp_path / "nowhere"))
        assert "Another process holds" in refused(VAULT_DATA_DIR=str(here.data_dir))
        assert "no such account" in refused("nobody")
        (tmp_path / "bad.toml").write_text("[")
        bad = here.command("move-account", tenant.name, "--to", str(tmp_path / "bad.toml"))
        assert "cannot be read as TOML" in bad.stderr
        there.start()
        assert "Another process holds" in refused()
        assert client.get(tenant.url(f"/recordings/{recording}/audio")).content == tone(0.3)
