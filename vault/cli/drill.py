"""The command ``callvault drill failover``: checks that closing acts survive a failover.

The drill runs in production: the operator promotes the real standby while the vault serves. The command performs two
closing acts in its own account, stores a checkpoint, waits until another server accepts writes, and checks that all of
it is still in force.
"""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from vault import structured_log
from vault.errors import Invalid, Tampered, Unavailable
from vault.rfc3339 import write_rfc3339
from vault.settings import read_settings
from vault.simulator.vault_client import VaultAnswer, VaultClient
from vault.tlog.checkpoint import Checkpoint, open_checkpoint
from vault.tlog.encoding import read_base64
from vault.tlog.note import Verifier, parse_verifier
from vault.tlog.proofs import verify_consistency

if TYPE_CHECKING:
    from vault.database.engines.server_state import ServerState

drill = typer.Typer(help="Disaster drills.", no_args_is_help=True)

#: A number that belongs to nobody: 555-0199 is reserved for fiction.
_NUMBER = "+12025550199"
_POLL_SECONDS = 0.5
_OK = 200


@drill.command("failover")
def failover(
    vault: Annotated[str, typer.Option(help="The vault's URL.")],
    key: Annotated[str, typer.Option(help="An API key with all scopes.", envvar="CALLVAULT_API_KEY")],
    *,
    account: Annotated[
        str, typer.Option(help="An account for the drill only; created if it does not exist.")
    ] = "drill-failover",
    minutes: Annotated[float, typer.Option(help="Max minutes to wait for the promotion.", min=0)] = 15.0,
) -> None:
    """Check that a PostgreSQL failover loses no closing act: switch recording off, promote the standby, check again.

    Reads VAULT_DATABASE_URL from the vault's settings. Exits with 0 only if all checks pass.
    """
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    if settings.sqlite_path is not None:
        raise Invalid("SQLite has no failover: set VAULT_DATABASE_URL to the value of the vault's nodes.")
    client = VaultClient(base=vault.rstrip("/"), key=key, account=account)
    run = Drill(client, settings.database_url, minutes * 60)()
    sys.exit(0 if asyncio.run(run) else 1)


class Drill:
    """A failover drill."""

    def __init__(self, client: VaultClient, database_url: str, seconds: float) -> None:
        """Prepare a drill. ``seconds`` is the timeout for the promotion, and again for the vault after it."""
        self._client = client
        self._database_url = database_url
        self._seconds = seconds
        self._broken = 0

    async def __call__(self) -> bool:
        """Run the drill and return whether all checks passed. Raises Unavailable; VaultError for an error response."""
        before = await self._state()
        _print_state("before", before)
        await self._close()
        verifier = parse_verifier((await self._public("/v1/access-log/key")).strip())
        stored = open_checkpoint((await self._public("/v1/access-log/checkpoint")).encode(), [verifier])
        _say("done", f"recording is off, {_NUMBER} objects; a checkpoint of {stored.size} entries is stored")
        _say("now", f"promote the standby as in your runbook; waiting for {self._seconds / 60:g} minutes")
        _print_state("after", await self._other_server(before))
        _say("downtime", f"{await self._serving_again():.1f} s from the new server to the first write")
        await self._check_all(stored, verifier)
        _say("result", "a closing act was lost" if self._broken else "all closing acts survived the failover")
        return not self._broken

    async def _close(self) -> None:
        """Undo the closing acts of the last drill and perform them again, so that they are recent."""
        await self._client.must("PUT", "", {})
        await self._client.must("PUT", "/recording-switch", {"enabled": True, "reason": "failover drill"})
        await self._client.rest("DELETE", f"/objections/{quote(_NUMBER, safe='')}")
        await self._client.must("PUT", f"/objections/{quote(_NUMBER, safe='')}", {"reason": "failover drill"})
        await self._client.must("PUT", "/recording-switch", {"enabled": False, "reason": "failover drill"})

    async def _check_all(self, stored: Checkpoint, verifier: Verifier) -> None:
        """Check that the closing acts are in force and that the log continues from the stored checkpoint."""
        switch = await self._client.must("GET", "/recording-switch")
        self._check("recording is off", passed=switch["enabled"] is False)
        objection = await self._client.rest("GET", f"/objections/{quote(_NUMBER, safe='')}")
        self._check(f"{_NUMBER} objects", passed=objection.status == _OK)
        try:
            now = open_checkpoint((await self._public("/v1/access-log/checkpoint")).encode(), [verifier])
            path = f"/v1/access-log/consistency?from={stored.size}&to={now.size}"
            hashes = [read_base64(text, "proof") for text in json.loads(await self._public(path))["hashes"]]
            verify_consistency(
                old_size=stored.size, old_root=stored.root, size=now.size, root=now.root, proof=hashes
            )
        except (Tampered, Unavailable) as error:
            self._check(f"the log continues from the checkpoint: {error}", passed=False)
        else:
            self._check(f"the log continues from the checkpoint, to {now.size} entries", passed=True)

    def _check(self, what: str, *, passed: bool) -> None:
        self._broken += not passed
        _say("ok" if passed else "BROKEN", what)

    async def _other_server(self, before: "ServerState") -> "ServerState":
        """Wait until another server, or the same server restarted, accepts writes. Raises Unavailable."""
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            try:
                now = await self._state()
            except Unavailable:
                pass
            else:
                if now.identity != before.identity:
                    return now
            await asyncio.sleep(_POLL_SECONDS)
        raise Unavailable(
            "No other server took over. Was the standby promoted, and does VAULT_DATABASE_URL reach it?"
        )

    async def _serving_again(self) -> float:
        """Wait until a write succeeds, and return the seconds. Raises Unavailable."""
        begun, reported, waited = time.monotonic(), False, False
        while time.monotonic() < begun + self._seconds:
            answered = await self._write()
            if answered.status == _OK:
                return time.monotonic() - begun
            if "recovery" not in answered.json_object.get("reasons", []):
                if not waited:
                    waited = True
                    _say("waiting", f"the vault does not write yet: {answered.detail}")
            elif not reported:
                reported = True
                _say(
                    "recovery",
                    "the standby lacked data: run `callvault restore`; the drill continues after it",
                )
            await asyncio.sleep(_POLL_SECONDS)
        raise Unavailable("The vault did not accept writes again after the failover.")

    async def _write(self) -> VaultAnswer:
        """Report a call: a write that does not affect the later checks."""
        facts = {
            "direction": "inbound", "from": "+12025550187", "to": "+12025550100",
            "started_at": write_rfc3339(datetime.now(UTC)),
        }  # fmt: skip
        try:
            return await self._client.rest("PUT", f"/calls/drill-{datetime.now(UTC):%Y-%m-%d-%H}", facts)
        except Unavailable:
            return VaultAnswer(status=0, body=b"")

    async def _public(self, path: str) -> str:
        answered = await self._client.fetch(path)
        if answered.status != _OK:
            raise Unavailable(f"GET {path.partition('?')[0]} failed: {answered.detail}")
        return answered.body.decode()

    async def _state(self) -> "ServerState":
        from vault.database.engines.server_state import read_server_state

        return await asyncio.to_thread(read_server_state, self._database_url)


def _print_state(when: str, state: "ServerState") -> None:
    """Print a server's state, and a line with ``!`` for each setting that can lose data."""
    timeline = "unknown timeline" if state.timeline is None else f"timeline {state.timeline}"
    _say(when, f"the primary is {state.address}, {timeline}, up since {state.started_at:%Y-%m-%d %H:%M:%S}")
    for standby in state.standbys:
        lag = "unknown" if standby.behind is None else f"{standby.behind} bytes"
        _say("standby", f"{standby.name}: {standby.state}, {standby.sync_state}, {lag} behind")
    if (warning := _warning_of_standbys(state)) is not None:
        _say("!", warning)
    for name in ("fsync", "full_page_writes"):
        if getattr(state, name) != "on":
            _say("!", f"{name} is {getattr(state, name)}: a power cut can destroy the database")
    if state.synchronous_commit in {"off", "local"}:
        _say(
            "!",
            f"synchronous_commit is {state.synchronous_commit} for this role; the vault sets it to on for itself",
        )


def _warning_of_standbys(state: "ServerState") -> str | None:
    """Return what an operator must know of the standbys; None if one of them is synchronous."""
    if not state.may_read_standbys:
        return (
            f"the role {state.role} may not read the state of standbys, so nothing is known of them: as a superuser "
            f'run GRANT pg_monitor TO "{state.role}", and drill again'
        )
    if any(standby.sync_state in {"sync", "quorum"} for standby in state.standbys):
        return None
    if state.synchronous_standby_names:
        return (
            f"synchronous_standby_names is {state.synchronous_standby_names}, and no standby fulfils it: writes wait "
            "until one does"
        )
    return "no standby is synchronous: writes acknowledged just before a failover may be lost"


def _say(what: str, words: str) -> None:
    typer.echo(f"{what:<12} {words}")
    sys.stdout.flush()
