"""The command ``callvault drill failover``: what was closed before a failover must be closed after it.

It is a drill with the real parts: the operator promotes the real standby while the vault serves. The command
closes two things in an account of its own, keeps a checkpoint, waits for another server to take writes, and
looks whether all of it stands.
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
from vault.settings import read_settings
from vault.simulator.vault_client import Answered, VaultClient
from vault.tlog.checkpoint import Checkpoint, open_checkpoint
from vault.tlog.note import Verifier, parse_verifier
from vault.tlog.proofs import verify_consistency
from vault.tlog.spelling import read_base64

if TYPE_CHECKING:
    from vault.database.engines.server_state import ServerState

drill = typer.Typer(help="Try a disaster while nothing has happened.", no_args_is_help=True)

#: A number that is nobody's: 555-0199 is kept for fiction.
_NUMBER = "+12025550199"
_POLL_SECONDS = 0.5
_OK = 200


@drill.command("failover")
def failover(
    vault: Annotated[str, typer.Option(help="Where the vault runs.")],
    key: Annotated[str, typer.Option(help="An API key for everything.", envvar="CALLVAULT_API_KEY")],
    *,
    account: Annotated[
        str, typer.Option(help="Of the drill alone; opened if it is not there.")
    ] = "drill-failover",
    minutes: Annotated[float, typer.Option(help="How long to wait for the promotion.", min=0)] = 15.0,
) -> None:
    """Look at PostgreSQL, close something, wait until you have promoted the standby, and see that it is closed.

    Needs the vault's own settings, of which it reads VAULT_DATABASE_URL. Exits with 0 only if everything stands.
    """
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    if settings.sqlite_path is not None:
        raise Invalid("There is no failover on SQLite: set VAULT_DATABASE_URL as the vault's nodes have it.")
    client = VaultClient(base=vault.rstrip("/"), key=key, account=account)
    run = Drill(client, settings.database_url, minutes * 60)()
    sys.exit(0 if asyncio.run(run) else 1)


class Drill:
    """One drill."""

    def __init__(self, client: VaultClient, database_url: str, seconds: float) -> None:
        """Begin nothing yet. ``seconds`` is how long the promotion is waited for, and the vault after it."""
        self._client = client
        self._database_url = database_url
        self._seconds = seconds
        self._broken = 0

    async def __call__(self) -> bool:
        """Say whether everything stands. Raises Unavailable, VaultError for an answer that is no yes."""
        before = await self._state()
        _print_state("before", before)
        await self._close()
        verifier = parse_verifier((await self._public("/v1/access-log/key")).strip())
        kept = open_checkpoint((await self._public("/v1/access-log/checkpoint")).encode(), [verifier])
        _say("done", f"recording is off, {_NUMBER} objects; a checkpoint of {kept.size} entries is kept")
        _say("now", f"promote the standby as your runbook says; waiting for {self._seconds / 60:g} minutes")
        _print_state("after", await self._other_server(before))
        _say("stood still", f"{await self._serving_again():.1f} s from the new server to the first write")
        await self._look(kept, verifier)
        _say("result", "not everything stands" if self._broken else "everything that was closed is closed")
        return not self._broken

    async def _close(self) -> None:
        """Open what the last drill has closed, and close it: acts of now, not of the last quarter."""
        await self._client.must("PUT", "", {})
        await self._client.must("PUT", "/recording-switch", {"enabled": True, "reason": "failover drill"})
        await self._client.rest("DELETE", f"/objections/{quote(_NUMBER, safe='')}")
        await self._client.must("PUT", f"/objections/{quote(_NUMBER, safe='')}", {"reason": "failover drill"})
        await self._client.must("PUT", "/recording-switch", {"enabled": False, "reason": "failover drill"})

    async def _look(self, kept: Checkpoint, verifier: Verifier) -> None:
        """See whether what was closed is closed, and whether the log goes on from the checkpoint."""
        switch = await self._client.must("GET", "/recording-switch")
        self._check("recording is off", stands=switch["enabled"] is False)
        objection = await self._client.rest("GET", f"/objections/{quote(_NUMBER, safe='')}")
        self._check(f"{_NUMBER} objects", stands=objection.status == _OK)
        try:
            now = open_checkpoint((await self._public("/v1/access-log/checkpoint")).encode(), [verifier])
            path = f"/v1/access-log/consistency?from={kept.size}&to={now.size}"
            hashes = [read_base64(one, "proof") for one in json.loads(await self._public(path))["hashes"]]
            verify_consistency(
                old_size=kept.size, old_root=kept.root, size=now.size, root=now.root, proof=hashes
            )
        except (Tampered, Unavailable) as error:
            self._check(f"the log goes on from the checkpoint: {error}", stands=False)
        else:
            self._check(f"the log goes on from the checkpoint, to {now.size} entries", stands=True)

    def _check(self, what: str, *, stands: bool) -> None:
        self._broken += not stands
        _say("stands" if stands else "BROKEN", what)

    async def _other_server(self, before: "ServerState") -> "ServerState":
        """Wait until another server, or another run of it, takes writes. Raises Unavailable."""
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
        """Wait until a write is answered with 2xx, and return the seconds. Raises Unavailable."""
        begun, told = time.monotonic(), False
        while time.monotonic() < begun + self._seconds:
            answered = await self._write()
            if answered.status == _OK:
                return time.monotonic() - begun
            if "recovery" in answered.said.get("reasons", []) and not told:
                told = True
                _say(
                    "recovery",
                    "the standby lacked something: run `callvault restore`; the drill goes on after it",
                )
            await asyncio.sleep(_POLL_SECONDS)
        raise Unavailable("The vault did not take a write again.")

    async def _write(self) -> Answered:
        """Announce a call: a write that hides nothing of what is looked at afterwards."""
        facts = {
            "direction": "inbound", "from": "+12025550187", "to": "+12025550100",
            "started_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        try:
            return await self._client.rest("PUT", f"/calls/drill-{datetime.now(UTC):%Y-%m-%d-%H}", facts)
        except Unavailable:
            return Answered(status=0, body=b"")

    async def _public(self, path: str) -> str:
        answered = await self._client.fetch(path)
        if answered.status != _OK:
            raise Unavailable(f"{path.partition('?')[0]} was answered {answered.detail}")
        return answered.body.decode()

    async def _state(self) -> "ServerState":
        from vault.database.engines.server_state import read_server_state

        return await asyncio.to_thread(read_server_state, self._database_url)


def _print_state(when: str, state: "ServerState") -> None:
    """Print what a server says of itself, and a line with ``!`` for each thing that can lose something."""
    timeline = (
        "a timeline that the service does not tell"
        if state.timeline is None
        else f"timeline {state.timeline}"
    )
    _say(when, f"the primary is {state.address}, {timeline}, up since {state.started_at:%Y-%m-%d %H:%M:%S}")
    for one in state.standbys:
        lag = "unknown" if one.behind is None else f"{one.behind} bytes"
        _say("standby", f"{one.name}: {one.state}, {one.sync_state}, {lag} behind")
    if not any(one.sync_state in {"sync", "quorum"} for one in state.standbys):
        _say(
            "!",
            "no standby is synchronous: what was answered in the last moments before a failover may be lost",
        )
    for name in ("fsync", "full_page_writes"):
        if getattr(state, name) != "on":
            _say("!", f"{name} is {getattr(state, name)}: a power cut can destroy the database")
    if state.synchronous_commit in {"off", "local"}:
        _say(
            "!",
            f"synchronous_commit is {state.synchronous_commit} for this role; the vault sets it on for itself",
        )


def _say(what: str, words: str) -> None:
    typer.echo(f"{what:<12} {words}")
    sys.stdout.flush()
