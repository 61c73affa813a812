"""For machines that look after the service: is it alive, is it ready, how much waits."""

from fastapi import APIRouter, Response

from vault.errors import VaultError
from vault.web.authority import TheVault
from vault.web.problems import problem

router = APIRouter(tags=["operation"])


@router.get("/healthz", response_class=Response)
async def healthz() -> Response:
    """Say that the process answers."""
    return Response("alive\n", media_type="text/plain")


@router.get("/readyz", response_class=Response)
async def readyz(vault: TheVault) -> Response:
    """Say whether the database answers; a load balancer sends nothing here while it does not."""
    try:
        await vault.database.read(lambda tx: tx.now())
    except VaultError:
        return problem(503, "The database does not answer.", headers={"Retry-After": "5"})
    return Response("ready\n", media_type="text/plain")


@router.get("/metrics", response_class=Response)
async def metrics(vault: TheVault) -> Response:
    """Show what waits in each state of work and how long, how the log grows, and what was never announced."""
    counts, entries, waiting = await vault.database.read(
        lambda tx: (tx.queue.counts(), tx.tree.head().size, tx.tree.waiting())
    )
    lines = ["# TYPE callvault_queue_recordings gauge"]
    lines += [
        f'callvault_queue_recordings{{state="{state}"}} {count}' for state, (count, _) in counts.items()
    ]
    lines.append("# TYPE callvault_queue_oldest_seconds gauge")
    lines += [
        f'callvault_queue_oldest_seconds{{state="{state}"}} {age:.3f}' for state, (_, age) in counts.items()
    ]
    lines += ["# TYPE callvault_access_log_entries counter", f"callvault_access_log_entries {entries}"]
    lines += ["# TYPE callvault_access_log_waiting gauge", f"callvault_access_log_waiting {waiting}"]
    lines.append("# TYPE callvault_recordings_missed_total counter")
    missed = vault.reconcile.missed.items()
    lines += [f'callvault_recordings_missed_total{{provider="{name}"}} {count}' for name, count in missed]
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
