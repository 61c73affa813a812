"""Liveness, readiness and metrics: for load balancers and monitoring.

Metrics are in Prometheus' format: counters of this process, and gauges of the whole vault read from the database.
"""

import math
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from vault import metrics as process_metrics
from vault.database.sql.vacuum_horizon import HOLDER_KINDS
from vault.database.stores.retention.retention_policies import OUTCOMES
from vault.database.transaction import Transaction
from vault.domain.moves.move import WAITS, Phase
from vault.domain.recordings.recording import WORK
from vault.errors import VaultError
from vault.services.audit_log.store_loss import rewrite_of
from vault.services.retention.retention_clock import PAUSED
from vault.web.contract.descriptions import text
from vault.web.http.auth import TheVault
from vault.web.http.problems import problem
from vault.web.http.readiness import Readiness

router = APIRouter(tags=["operation"])
_PARTS = ("database", "objects", "root_key", "clock", "stopping")


@router.get("/healthz", response_class=Response, responses={200: text("`alive`")})
async def healthz() -> Response:
    """Show that the process is alive."""
    return Response("alive\n", media_type="text/plain")


@router.get("/readyz", response_class=Response, responses={200: text("`ready`")})
async def readyz(request: Request) -> Response:
    """Show whether this node is ready. It checks the database, the object store and the root key.

    503 with all reasons while one of them fails, while the node is shutting down, and in recovery mode.
    """
    readiness: Readiness = request.app.state.readiness
    if troubles := await readiness.troubles():
        detail, causes = " ".join(troubles.values()), list(troubles)
        return problem(503, detail, headers={"Retry-After": "5"}, reasons=causes)
    return Response("ready\n", media_type="text/plain")


class _Snapshot:
    """Metric families of one response."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


@router.get("/metrics", response_class=Response, responses={200: text("Prometheus' text format")})
async def metrics(request: Request, vault: TheVault) -> Response:
    """Show the metrics of docs/metrics.md. While the database is unavailable, those read from it are left out."""
    readiness: Readiness = request.app.state.readiness
    families = [_ready(await readiness.troubles())]
    try:
        families += await vault.database.read(_of_the_vault)
        families += _of_collector(await vault.jobs.send_to_collector.waiting_seconds())
    except VaultError:
        families += []
    body = generate_latest(process_metrics.REGISTRY) + generate_latest(_Snapshot(families))
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def _ready(troubles: dict[str, str]) -> Metric:
    ready = GaugeMetricFamily(
        "callvault_ready", "1 if the part works; for stopping, 1 while not stopping.", labels=["part"]
    )
    for part in _PARTS:
        ready.add_metric([part], float(part not in troubles))
    return ready


def _of_the_vault(tx: Transaction) -> list[Metric]:
    parts = (
        _of_queue_and_log, _of_requests, _of_retention, _of_approvals, _of_the_store, of_moves, _of_vacuum,
    )  # fmt: skip
    return [metric for part in parts for metric in part(tx)]


def _of_queue_and_log(tx: Transaction) -> list[Metric]:
    counts = tx.queue.counts()
    waiting = GaugeMetricFamily(
        "callvault_queue_recordings", "Recordings in progress, by state.", labels=["state"]
    )
    oldest = GaugeMetricFamily(
        "callvault_queue_oldest_seconds",
        "Seconds since the oldest recording in a state was received.",
        labels=["state"],
    )
    for state in WORK:
        # Also for 0 recordings: a series with gaps would look as if it had been above zero all the time.
        count, age = counts.get(state, (0, 0.0))
        waiting.add_metric([state], count)
        oldest.add_metric([state], age)
    head, last, since, now = tx.tree.head(), tx.checkpoints.last(), tx.tree.waiting_since(), tx.now()
    unsigned = now - last.at if last is not None and last.size < head.size else timedelta()
    lag = timedelta() if since is None else now - since
    return [
        waiting,
        oldest,
        CounterMetricFamily("callvault_access_log_entries", "Entries in the log's tree.", value=head.size),
        GaugeMetricFamily(
            "callvault_access_log_unsigned_seconds",
            "Seconds since the last checkpoint, while it does not cover the whole log.",
            value=max(0.0, unsigned.total_seconds()),
        ),
        GaugeMetricFamily(
            "callvault_access_log_waiting", "Events waiting for the sequencer.", value=tx.tree.waiting()
        ),
        GaugeMetricFamily(
            "callvault_access_log_waiting_seconds",
            "Seconds since the oldest waiting event was created.",
            value=max(0.0, lag.total_seconds()),
        ),
    ]


def _of_collector(seconds: float | None) -> list[Metric]:
    return [
        GaugeMetricFamily(
            "callvault_siem_waiting_seconds",
            "Age of the oldest entry of the access log that the collector lacks.",
            # Without a collector it would grow for ever.
            value=seconds or 0.0,
        )
    ]


def _of_requests(tx: Transaction) -> list[Metric]:
    waiting, seconds = tx.callbacks.waiting(tx.now())
    return [
        GaugeMetricFamily(
            "callvault_requests_overdue",
            "Open requests of people whose deadline has passed.",
            value=tx.requests.overdue(tx.now()),
        ),
        GaugeMetricFamily(
            "callvault_request_callbacks_waiting", "Deliveries to callbacks that wait.", value=waiting
        ),
        GaugeMetricFamily(
            "callvault_request_callbacks_waiting_seconds",
            "Seconds since the change of a request that waits longest for its delivery.",
            value=seconds,
        ),
    ]


def _of_retention(tx: Transaction) -> list[Metric]:
    """Return what the last sweep left. In the database, because each run may be on another node."""
    runs = tx.retention.runs().values()
    outcomes = Counter(run.outcome for run in runs)
    accounts = GaugeMetricFamily(
        "callvault_retention_accounts",
        "Accounts by how the last retention sweep ended for them.",
        labels=["outcome"],
    )
    for outcome in OUTCOMES:
        accounts.add_metric([outcome], outcomes[outcome])
    # A sum with an unknown part is unknown.
    residue = sum(math.nan if run.residue is None else run.residue for run in runs)
    return [
        accounts,
        GaugeMetricFamily(
            "callvault_retention_residue",
            "Recordings that were still due after the last retention sweep.",
            value=residue,
        ),
        GaugeMetricFamily(
            "callvault_retention_paused",
            "1 while the retention sweep erases nothing because a clock may be wrong.",
            value=float(tx.metadata.get(PAUSED) is not None),
        ),
        GaugeMetricFamily(
            "callvault_object_locks_unknown",
            "Recordings whose object lock the object store does not show.",
            value=tx.object_locks.count_unknown(),
        ),
    ]


def _of_approvals(tx: Transaction) -> list[Metric]:
    waiting, accounts = tx.approvals.count_pending(tx.now())
    return [
        GaugeMetricFamily(
            "callvault_approvals_pending", "Acts that wait for a second person.", value=waiting
        ),
        GaugeMetricFamily("callvault_approvals_pending_accounts", "Accounts with such acts.", value=accounts),
    ]


def _of_the_store(tx: Transaction) -> list[Metric]:
    return [
        GaugeMetricFamily(
            "callvault_store_behind",
            "1 while the object store lacks objects that it once had.",
            value=float((rewrite := rewrite_of(tx)) is not None and rewrite.is_loss),
        ),
        GaugeMetricFamily(
            "callvault_objects_due",
            "Manifests, tombstones and account objects waiting to be written.",
            value=tx.object_store.count_due(),
        ),
    ]


def of_moves(tx: Transaction) -> list[Metric]:
    """Return the moves of accounts that wait for somebody, and how long the oldest of each kind does."""
    moves = GaugeMetricFamily("callvault_moves", "Moves of accounts that wait, by for what.", labels=["step"])
    oldest = GaugeMetricFamily(
        "callvault_moves_oldest_seconds", "Seconds for which the oldest of them waits.", labels=["step"]
    )
    now = tx.now()
    unfinished = tx.account_moves.in_phase(Phase.COPYING, Phase.ARRIVING, Phase.MOVED)
    waits = [found for move in unfinished if (found := move.waits(now)) is not None]
    for step in WAITS:
        ages = [age for name, age in waits if name == step]
        moves.add_metric([step], len(ages))
        oldest.add_metric([step], max(0.0, max(ages, default=timedelta()).total_seconds()))
    return [moves, oldest]


def _of_vacuum(tx: Transaction) -> list[Metric]:
    """Return the oldest holder of each kind. 0 on SQLite, where nobody holds one."""
    seconds = GaugeMetricFamily(
        "callvault_vacuum_held_seconds",
        "Seconds since the oldest snapshot, by its holder; 0 where PostgreSQL does not know since when.",
        labels=["holder"],
    )
    transactions = GaugeMetricFamily(
        "callvault_vacuum_held_transactions",
        "Transactions since the oldest snapshot, by its holder.",
        labels=["holder"],
    )
    holders = tx.vacuum_horizon.holders()
    for kind in HOLDER_KINDS:
        ours = [one for one in holders if one.kind == kind and one.transactions is not None]
        held = [one.held_for for one in ours if one.held_for is not None]
        seconds.add_metric([kind], max(held, default=timedelta()).total_seconds())
        transactions.add_metric([kind], max((one.transactions or 0 for one in ours), default=0))
    return [seconds, transactions]
