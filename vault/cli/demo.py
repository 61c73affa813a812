"""The demo behind ``make run``: a bundled call passes through the whole vault, over real HTTP.

It plays all clients of the vault: the operator who creates a key, the admin who connects a platform, the platform that
signs webhooks and hosts the media, and the user who shares a link. The vault itself is real; everything except the
first key, which an operator creates, uses its public API.
"""

import asyncio
import base64
import hashlib
import json
import os
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vault import structured_log
from vault.control.commands import ask
from vault.errors import StartRefused
from vault.rfc3339 import write_rfc3339
from vault.server.asgi import app_of, serve
from vault.server.http_limits import check_address, server_config
from vault.server.waiting_server import WaitingServer
from vault.settings import Settings, read_settings
from vault.telephony.signatures.standard_webhooks import sign

SAMPLE = Path(__file__).parents[1] / "audio" / "sample" / "call.wav"
_TIMEOUT = 60.0
_NOTICE = {
    "language": "en",
    "audience": "caller",
    "mode": "announce",
    "places": ["US-CA"],
    "controller": "Demo Incorporated",
    "purposes": "to train our staff",
    "refusal": "say so, and we go on without recording",
    "full_notice": "demo.example/privacy",
}
_AGENT, _CUSTOMER = "+14155550123", "+14155550187"


def run_demo(*, host: str, port: int, once: bool) -> None:
    """Start a server, send the call through it, print the link, and serve until interrupted."""
    check_address(host, port, options="--port, such as `callvault demo --port 8001`, or --host")
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(host, port, once=once))


async def _run(host: str, port: int, *, once: bool) -> None:
    # A server that listens on all addresses is reached on loopback.
    address = "127.0.0.1" if host in {"0.0.0.0", "::"} else host
    authority = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    settings = replace(read_settings(os.environ), public_url=f"http://{authority}")
    structured_log.set_up("WARNING")
    async with _media_server(SAMPLE.read_bytes()) as media_url:
        settings = replace(settings, media_allow=(*settings.media_allow, media_url.split("/")[2]))
        app = app_of(settings, worker=True)
        server = WaitingServer(server_config(app, host=host, port=port, stop_seconds=2))
        serving = asyncio.create_task(serve(app, server))
        try:
            await _until_started(server, serving, port)
            await _Demo(settings).run(media_url)
            if not once:
                _say("", "Still serving; press Ctrl-C to stop. Run it again to send another call.")
                await serving
        finally:
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await serving


async def _until_started(server: WaitingServer, serving: "asyncio.Task[None]", port: int) -> None:
    while not server.started:
        if serving.done():
            # The reason is on standard error: the port is in use, or the vault refused to start.
            raise StartRefused(
                f"the server did not start on port {port}; see above. Try `callvault demo --port 8001`."
            )
        await asyncio.sleep(0.05)


class _Demo:
    """Sends the bundled call through the vault."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._base = settings.public_url
        self._key = ""

    async def run(self, media_url: str) -> None:
        arguments = {"name": "demo admin", "scopes": ["*"], "account": None}
        self._key = await ask(self._settings.control_socket, "keys.create", arguments)
        _say("data directory", str(self._settings.data_dir))
        _say("admin key", self._key)
        account = await self._rest("PUT", "/v1/accounts/demo", {"name": "Demo", "locale": "en"})
        _say("account", f"{account['account']} ({account['id']})")
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        body = {"provider": "platform", "credentials": {"secret": secret}}
        connection = await self._rest("PUT", "/v1/accounts/demo/connections/demo", body)
        _say("webhook", connection["webhook_url"])
        await self._publish()
        recording_id = await self._call(connection["webhook_url"], secret, media_url)
        recording = await self._until_available(recording_id)
        _say("stored", f"{self._settings.objects_url}/recordings/{account['id']}/{recording_id}/")
        facts = f"{recording['codec']}, {recording['channels']} channels, {recording['duration']:.1f} s"
        _say("described", facts)
        link = await self._rest(
            "POST",
            f"/v1/accounts/demo/recordings/{recording_id}/links",
            {"listener": "you", "expires_in": 3600, "sessions": 100},
        )
        _say("sha256", hashlib.sha256(SAMPLE.read_bytes()).hexdigest() + "  (of the audio you will hear)")
        _say("listen", link["url"])
        # The first part of a key's text is its id.
        key_id = f"key_{self._key.split('_')[1]}"
        once = await ask(self._settings.control_socket, "console.invite", {"key": key_id})
        _say("console", f"{self._base}/console/once/{once}  (signs in once, within 15 minutes)")

    async def _publish(self) -> None:
        """Publish the notice for callers, unless an earlier demo did."""
        known = await self._rest("GET", "/v1/accounts/demo/notices?status=published")
        if not known["items"]:
            draft = await self._rest("POST", "/v1/accounts/demo/notices", _NOTICE)
            await self._rest("POST", f"/v1/accounts/demo/notices/{draft['id']}/publish")

    async def _call(self, webhook_url: str, secret: str, media_url: str) -> str:
        """Act as the platform: report the call start, then send its events by signed webhooks."""
        call_ref, now = f"demo-{int(time.time())}-{secrets.token_hex(2)}", datetime.now(UTC)
        started = now - timedelta(seconds=40)
        facts = {
            "direction": "inbound",
            "from": _CUSTOMER,
            "to": _AGENT,
            "started_at": write_rfc3339(started),
            "agent": "Robin",
        }
        answer = await self._rest("PUT", f"/v1/accounts/demo/calls/{call_ref}", facts)
        decision = answer["decision"]
        _say("call start", f"record: {decision['record']} ({decision['reasons'][0]['text']})")
        (notice,) = decision["notices"]
        _say("notice", f'"{notice["text"]}"')
        # The platform plays the notice and reports it.
        event = {"party": "caller", "event": "announced", "method": "announcement", "notice": notice["id"]}
        path = f"/v1/accounts/demo/calls/{call_ref}/consent"
        await self._rest("POST", path, event | {"at": write_rfc3339(started)})
        answered: Mapping[str, Any] = {}
        for kind, more in _events(call_ref, now, media_url):
            data = {"call_ref": call_ref, **facts, **more}
            body = json.dumps({"type": kind, "timestamp": write_rfc3339(now), "data": data}).encode()
            signed = sign(secret, delivery_id=secrets.token_hex(8), sent_at=datetime.now(UTC), body=body)
            begun = time.perf_counter()
            answered = await asyncio.to_thread(_http, "POST", webhook_url, body, signed)
            _say(
                "signed webhook",
                f"{kind}: {answered['status']} in {(time.perf_counter() - begun) * 1000:.1f} ms",
            )
        return str(answered["recording"])

    async def _until_available(self, recording_id: str) -> Mapping[str, Any]:
        begun = time.perf_counter()
        while time.perf_counter() - begun < _TIMEOUT:
            recording = await self._rest("GET", f"/v1/accounts/demo/recordings/{recording_id}")
            if recording["state"] == "available":
                took = time.perf_counter() - begun
                _say("sealed", f"{recording['bytes']} bytes in {took:.2f} s under recording/{recording_id}")
                return recording
            if recording["state"] in {"failed", "refused"}:
                raise StartRefused(f"the recording is {recording['state']}: {recording['reasons']}")
            await asyncio.sleep(0.05)
        raise StartRefused(f"the recording did not become available within {_TIMEOUT:.0f} seconds.")

    async def _rest(self, method: str, path: str, body: object = None) -> Mapping[str, Any]:
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        return await asyncio.to_thread(_http, method, self._base + path, sent, headers)


def _http(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Mapping[str, Any]:
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310 - loopback
            answer: Mapping[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        answer_text = error.read().decode()
        raise StartRefused(f"{method} {request.selector}: {error.code} {answer_text}") from error


@asynccontextmanager
async def _media_server(audio: bytes) -> AsyncIterator[str]:
    """Serve the platform's copy of the recording, under a URL that cannot be guessed."""
    path = f"/{secrets.token_urlsafe(16)}/call.wav"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        found = head.split(b" ")[1].decode() == path
        status, body = (b"200 OK", audio) if found else (b"404 Not Found", b"")
        fields = (
            f"Content-Type: audio/wav\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        )
        writer.write(b"HTTP/1.1 " + status + b"\r\n" + fields + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"


def _say(what: str, value: str) -> None:
    print(f"{what:>16}  {value}" if what else f"\n{value}", flush=True)  # noqa: T201 - output for people


def _events(call_ref: str, ended: datetime, media_url: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the platform's events of a call, in order: the type of the event and its new fields."""
    recorded = {
        "recording_ref": f"{call_ref}-1",
        "recording_url": media_url,
        "voices": ["callee", "caller"],
    }
    return [
        ("call.started", {}),
        ("call.ended", {"ended_at": write_rfc3339(ended)}),
        ("recording.completed", recorded),
    ]
