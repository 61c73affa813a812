"""Prometheus metrics of this process; docs/metrics.md is the catalogue.

Like logging, this is on the lowest layer: every package writes metrics, and none reads them. A label takes one
value of a closed set; never an id, a name, a number or anything else a caller chose. So metrics hold no
personal data, and their cardinality stays low.
"""

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

# The ``_created`` series are of no use here, and double the output.
disable_created_metrics()  # type: ignore[no-untyped-call]
#: The vault's own registry: other packages may add metrics to the library's default one.
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

ACKS: Final = Histogram(
    "callvault_webhook_ack_seconds",
    "From the last byte of a webhook's body to its response, if its signature was valid.",
    ("provider",),
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RESPONSES: Final = Counter(
    "callvault_http_responses", "HTTP responses by status.", ("status",), registry=REGISTRY
)
UNAVAILABLE: Final = Counter(
    "callvault_unavailable",
    "503 responses, by the dependency that did not answer.",
    ("cause",),
    registry=REGISTRY,
)
EVENTS: Final = Counter(
    "callvault_access_events", "Access events written, except grants.", ("type",), registry=REGISTRY
)
GRANTS: Final = Counter("callvault_grants", "Granted windows of audio.", ("way",), registry=REGISTRY)
LINKS_REFUSED: Final = Counter(
    "callvault_links_refused",
    "Tokens of links refused before or without a session, by reason.",
    ("reason",),
    registry=REGISTRY,
)
DENIALS_NOT_LOGGED: Final = Counter(
    "callvault_denials_not_logged",
    "Refusals that were not logged, because their link, key or connection has as many in the log as it may.",
    registry=REGISTRY,
)
REFUSED: Final = Counter(
    "callvault_recordings_refused",
    "Recordings refused permanently, by reason.",
    ("reason",),
    registry=REGISTRY,
)
FAILED: Final = Counter(
    "callvault_recordings_failed",
    "Recordings failed permanently, by reason.",
    ("reason",),
    registry=REGISTRY,
)
MISSED: Final = Counter(
    "callvault_recordings_missed",
    "Recordings found in a provider's list that no webhook had announced.",
    ("provider",),
    registry=REGISTRY,
)
#: From its announcement, or the start of its upload; what waited in quarantine for a person is not in it.
AVAILABLE: Final = Histogram(
    "callvault_recording_available_seconds",
    "From the announcement of a recording to its admission by the worker, by how it arrived.",
    ("arrival",),
    registry=REGISTRY,
    buckets=(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400),
)
for _arrival in ("webhook", "upload", "reconcile"):
    # Prometheus shows an increase only of a series that exists before.
    AVAILABLE.labels(_arrival)
SEALED: Final = Counter("callvault_sealed_bytes", "Bytes of audio sealed.", registry=REGISTRY)
SERVED: Final = Counter(
    "callvault_served_bytes", "Bytes of audio passed to the HTTP server.", ("way",), registry=REGISTRY
)
KEY_RING: Final = Counter(
    "callvault_key_ring", "Account key lookups: cached, or unwrapped.", ("found",), registry=REGISTRY
)
GROUPS: Final = Histogram(
    "callvault_commit_group_rows",
    "Writes that shared one commit.",
    ("kind",),
    registry=REGISTRY,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
POLLS: Final = Counter(
    "callvault_worker_looks", "Worker polls, by kind of work.", ("work",), registry=REGISTRY
)
POLL_FAILURES: Final = Counter(
    "callvault_worker_failures",
    "Worker polls that ended in an error, by kind of work.",
    ("work",),
    registry=REGISTRY,
)
RECOVERY: Final = Gauge(
    "callvault_recovery_mode",
    "1 while the database is behind the object store and nothing is served.",
    registry=REGISTRY,
)
DISK_FREE: Final = Gauge(
    "callvault_disk_free_bytes", "Free bytes of the disk that has the SQLite database.", registry=REGISTRY
)
CLOCK_OFFSET: Final = Gauge(
    "callvault_clock_offset_seconds",
    "How far the clock of the node is ahead of the nearest clock that it can compare with.",
    registry=REGISTRY,
)
RETENTION_ERASED: Final = Counter(
    "callvault_retention_erased", "Recordings that the retention sweep erased.", registry=REGISTRY
)
RETENTION_UNREADABLE: Final = Counter(
    "callvault_retention_unreadable",
    "Recordings whose retention could not be computed, at each try.",
    registry=REGISTRY,
)
REQUEST_CALLBACKS: Final = Counter(
    "callvault_request_callbacks",
    "Tries to tell an account of a change of a request, by how they ended.",
    ("result",),
    registry=REGISTRY,
)
for _result in ("accepted", "failed", "given_up"):
    REQUEST_CALLBACKS.labels(_result)
OUTBOX: Final = Counter(
    "callvault_outbox_attempts",
    "Attempts to send a message of the outbox, by its kind and by how they ended.",
    ("kind", "result"),
    registry=REGISTRY,
)
SIEM: Final = Counter(
    "callvault_siem_deliveries",
    "Connections to the collector of the SIEM, by how they ended.",
    ("result",),
    registry=REGISTRY,
)
for _result in ("delivered", "failed"):
    SIEM.labels(_result)
SWEPT: Final = Counter(
    "callvault_swept_objects", "Orphan objects of failed attempts that the sweep deleted.", registry=REGISTRY
)
STORE_WENT_BACK: Final = Counter(
    "callvault_store_went_back",
    "Times that the object store was found to have lost written objects.",
    registry=REGISTRY,
)
