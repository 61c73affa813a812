"""Before the service says that it has something, the disk has it: seen from the kernel."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.server import vault_process
from tests.faults.tracing import Call, read_trace, traced
from tests.servers.media import answer
from tests.servers.media_thread import MediaThread
from tests.servers.required import go_without, require
from tests.support.counts import count
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_ID = re.compile(r"rec_[0-9a-f]{32}")
_REQUEST = re.compile(r'"(?:GET|POST|PUT) /')
_SENDING = {"write", "writev", "sendmsg", "sendto"}
_RECEIVING = {"read", "recvfrom", "recvmsg"}
_SYNCING = {"fsync", "fdatasync"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A request that got a 2xx."""

    recording_id: str
    #: Lines: when the request had been read, and when the first byte of the answer was sent.
    received: int
    answered: int


def acknowledged(calls: Sequence[Call], request: str) -> list[Acknowledged]:
    """Return every request whose first bytes are ``request`` and that got a 2xx with a recording's id."""
    exchanges: list[tuple[Call, list[Call]]] = []
    # Ports are used again, so a socket's name stands for its latest exchange.
    current: dict[str, list[Call]] = {}
    for call in calls:
        if call.socket is None:
            continue
        if call.name in _RECEIVING and _REQUEST.search(call.text):
            current[call.socket] = []
            exchanges.append((call, current[call.socket]))
        elif call.name in _SENDING and call.socket in current:
            current[call.socket].append(call)
    found = []
    for asked, answers in exchanges:
        said = _ID.search("".join(call.text for call in answers))
        if f'"{request}' in asked.text and answers and '"HTTP/1.1 2' in answers[0].text and said:
            found.append(Acknowledged(recording_id=said[0], received=asked.ended, answered=answers[0].begun))
    return found


def on_disk(calls: Sequence[Call], what: str, *, after: int, before: int) -> bool:
    """Say whether a page of the log that holds ``what`` was written and then synced between two lines."""
    log = [call for call in calls if "vault.db-wal>" in call.text.partition(",")[0] and after < call.begun]
    for written in (call for call in log if call.name == "pwrite64" and what in call.text):
        for synced in (call for call in log if call.name in _SYNCING):
            if written.ended < synced.begun and synced.ended < before:
                return True
    return False


def object_on_disk(calls: Sequence[Call], ack: Acknowledged) -> bool:
    """Say whether an upload's file, name, folder and row were durable in this order, before the answer."""
    flat, folder = f"{ack.recording_id},", f"/{ack.recording_id}>"
    steps = [
        lambda call: call.name in _SYNCING and "/.incoming/recordings," in call.text and flat in call.text,
        lambda call: call.name in {"link", "linkat"} and f"/{ack.recording_id}/" in call.text,
        lambda call: call.name in _SYNCING and folder in call.text,
    ]
    line = ack.received
    for step in steps:
        following = [call for call in calls if call.begun > line and call.ended < ack.answered and step(call)]
        if not following:
            return False
        line = following[0].ended
    # The new folder's own name is durable too.
    made = [call for call in calls if call.name.startswith("mkdir") and f"/{ack.recording_id}" in call.text]
    above = re.search(r'"(?P<above>[^"]*)/rec_', made[0].text) if made else None
    if above is None or not any(
        call.name in _SYNCING and f"<{above['above']}>" in call.text and made[0].ended < call.begun < line
        for call in calls
    ):
        return False
    return on_disk(calls, f"{ack.recording_id}/", after=line, before=ack.answered)


def _trace(folder: Path, media: MediaThread, times: int, **options: object) -> list[Call]:
    """Serve, and trace webhooks that come in fours, and uploads."""
    audio = wav(20_044, 3)
    url = media.on("/a.wav", answer(audio))
    with vault_process(folder, VAULT_MEDIA_ALLOW=media.authority, **options) as (server, client):
        with traced(server.pid, folder / "trace"), ThreadPoolExecutor(4) as pool:
            webhooks = list(pool.map(lambda n: client.announce(f"w{n}", url).status, range(times)))
            uploads = list(
                pool.map(lambda n: client.put(f"u{n}", wav(300_044, n), 300_044).status, range(times // 4))
            )
        assert set(webhooks) == {202}
        assert set(uploads) == {201}
    return read_trace(folder / "trace")


def test_every_answer_follows_an_fsync(folder: Path, media: MediaThread) -> None:
    """What a 2xx acknowledges was synced after the request came and before the answer's first byte."""
    require("strace", install="apt-get install strace")
    if os.geteuid():
        go_without("attaches to a server that holds keys, which Linux lets root alone do: run it as root")
    times = count("traced webhooks", small=24, full=400)
    calls = _trace(folder, media, times)
    webhooks, uploads = acknowledged(calls, "POST /webhooks/"), acknowledged(calls, "PUT /v1/")
    assert len(webhooks) == times
    assert len(uploads) == times // 4
    syncs = sum(call.name in _SYNCING and "vault.db-wal>" in call.text for call in calls)
    print(f"{len(calls)} calls traced, {syncs} syncs of the write-ahead log, {len(uploads)} uploads")
    late = [
        ack
        for ack in webhooks
        if not on_disk(calls, ack.recording_id, after=ack.received, before=ack.answered)
    ]
    assert not late
    assert not [ack for ack in uploads if not object_on_disk(calls, ack)]


def test_a_service_that_does_not_sync_is_found_out(folder: Path, media: MediaThread) -> None:
    """The same look at a service with ``synchronous=OFF`` finds answers that were not kept."""
    require("strace", install="apt-get install strace")
    if os.geteuid():
        go_without("attaches to a server that holds keys, which Linux lets root alone do: run it as root")
    times = 8
    calls = _trace(folder, media, times, program=("-m", "tests.faults.careless"))
    webhooks, uploads = acknowledged(calls, "POST /webhooks/"), acknowledged(calls, "PUT /v1/")
    assert len(webhooks) == times
    late = [
        ack
        for ack in webhooks
        if not on_disk(calls, ack.recording_id, after=ack.received, before=ack.answered)
    ]
    print(f"without syncs {len(late)} of {len(webhooks)} answers are found wanting")
    assert len(late) == len(webhooks)
    assert not [ack for ack in uploads if object_on_disk(calls, ack)]
