"""What lies on the disk, who can open it, and what is left when it was erased."""

import json
import struct
import time

import httpx
import pytest

from tests.journeys.sdk import open_object
from tests.servers.vault_process import VaultProcess
from tests.support.read_below import read_below
from tests.support.tenant import Tenant, open_link, tone

AUDIO = tone(3.0)


def every_byte(server: VaultProcess) -> bytes:
    """Return all files of the data directory in one."""
    return b"\0".join(read_below(server.data_dir).values())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_official_sdk_opens_what_lies_on_the_disk(tenant: Tenant, server: VaultProcess):
    """The exported key opens the object to the same bytes, and the export is on record before."""
    recording = tenant.uploaded(AUDIO)
    printed = server.command("export-key", recording)
    assert printed.returncode == 0, printed.stderr
    exported = json.loads(printed.stdout)
    assert (exported["recording"], exported["key_namespace"]) == (recording, "callvault")
    (one,) = exported["objects"]
    assert (one["purpose"], one["bytes"]) == ("audio", len(AUDIO))
    plaintext, context = open_object(exported, (server.data_dir / "objects" / one["location"]).read_bytes())
    assert plaintext == AUDIO
    assert (context["account_id"], context["recording_id"], context["purpose"]) == (
        tenant.id,
        recording,
        "audio",
    )
    assert tenant.types(recording)[-1] == "key.exported"
    unknown = server.command("export-key", "rec_" + "0" * 32)
    assert (unknown.returncode, unknown.stdout) == (1, "")


def test_nothing_of_the_audio_or_its_parties_lies_on_the_disk(tenant: Tenant, server: VaultProcess):
    """No piece of the audio, no number, agent, listener or URL token is in any file of the data directory."""
    recording = tenant.uploaded(AUDIO, call="c")
    said = {
        "direction": "inbound",
        "from": "+14155550177",
        "to": "+14155550178",
        "agent": "Marguerite Disk",
        "started_at": "2026-01-01T00:00:00Z",
    }
    assert tenant.http.put(tenant.url("/calls/c"), json=said).status_code == 200
    link = tenant.link(recording, listener="Ludovica Disk")
    data = every_byte(server)
    assert recording.encode() in data
    for secret in (
        AUDIO[5000:5032],
        b"14155550177",
        b"14155550178",
        b"Marguerite",
        b"Ludovica",
        link["url"].rpartition("/")[2].encode(),
        tenant.secret.removeprefix("whsec_").encode(),
    ):
        assert secret not in data


def test_the_waveform_shows_the_audio(tenant: Tenant, browser: httpx.Client):
    """Peaks of each channel, for the key and for the session, as extreme as the samples are."""
    recording = tenant.uploaded(AUDIO)
    shown = tenant.http.get(tenant.url(f"/recordings/{recording}/waveform")).json()
    (channel,) = shown["channels"]
    assert (shown["buckets"], len(channel)) == (1000, 2000)
    samples = struct.unpack(f"<{(len(AUDIO) - 44) // 2}h", AUDIO[44:])
    assert abs(max(channel) - max(samples) / 256) <= 1
    assert abs(min(channel) - min(samples) / 256) <= 1
    opened = open_link(browser, tenant.link(recording)["url"])
    assert browser.get(f"{opened.headers['location']}/waveform").json() == shown
    assert tenant.types(recording).count("waveform.read") == 2


def test_an_erased_recording_leaves_a_tombstone(tenant: Tenant, server: VaultProcess, browser: httpx.Client):
    """After DELETE no byte is heard; soon its objects, manifest, keys and terms are gone, the log stays."""
    recording = tenant.uploaded(AUDIO, call="c")
    folder = server.data_dir / "objects" / "recordings" / tenant.id / recording
    manifest = server.data_dir / "objects" / "manifests" / tenant.id / f"{recording}.json"
    link = tenant.link(recording)
    opened = open_link(browser, link["url"])
    assert list(folder.iterdir())
    sealed = next(folder.iterdir()).read_bytes()
    erasing = tenant.http.delete(tenant.url(f"/recordings/{recording}"))
    assert (erasing.status_code, erasing.json()["id"]) == (202, recording)
    assert browser.get(f"{opened.headers['location']}/audio").status_code == 404
    assert tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).status_code == 404
    erased = tenant.wait(recording, "erased")
    assert erased["erased_at"] is not None
    assert not folder.exists() or not list(folder.iterdir())
    assert not manifest.exists()
    assert sealed[2000:2100] not in every_byte(server)
    for status, answer in [
        (410, tenant.http.delete(tenant.url(f"/recordings/{recording}"))),
        (410, tenant.http.post(tenant.url(f"/recordings/{recording}/links"), json={"listener": "K"})),
        (404, tenant.http.get(tenant.url(f"/recordings/{recording}/audio"))),
        (404, tenant.http.get(tenant.url(f"/recordings/{recording}/waveform"))),
        (410, tenant.put(AUDIO, call="c")),
        (404, browser.get(link["url"])),
    ]:
        assert (answer.request.method, answer.status_code) == (answer.request.method, status)
    assert server.command("export-key", recording).returncode == 1
    kinds = tenant.types(recording)
    assert (kinds.count("recording.erasing"), kinds.count("recording.erased")) == (1, 1)


def test_a_manifest_is_written_beside_the_audio(tenant: Tenant, server: VaultProcess):
    """Soon after the gate the bucket can tell what lies in it, without a word about people."""
    recording = tenant.uploaded(AUDIO)
    path = server.data_dir / "objects" / "manifests" / tenant.id / f"{recording}.json"
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    manifest = json.loads(path.read_bytes())
    assert (manifest["id"], manifest["audio"]["size"]) == (recording, len(AUDIO))
    assert (server.data_dir / "objects" / manifest["audio"]["location"]).exists()
    assert path.stat().st_mode & 0o077 == 0
