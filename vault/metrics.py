"""What this process counts of its own work, in Prometheus' terms; docs/metrics.md is the catalogue.

Counting stands on the lowest floor beside logs, for the same reason: every room does it, it has no answer,
and nothing depends on it. A label takes one of a closed set of words; never an id, a name, a number or
anything else that a caller chose, so a page of metrics tells of nobody and stays small.
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

# When each counter began is of no use to anyone, and doubles the page.
disable_created_metrics()  # type: ignore[no-untyped-call]
#: Everything counted here. Not the library's own registry, where other packages may leave things.
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

ACKS: Final = Histogram(
    "callvault_webhook_ack_seconds",
    "From the last byte of a webhook's body to its answer, where its signature was right.",
    ("provider",),
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RESPONSES: Final = Counter(
    "callvault_http_responses", "Answers by their HTTP status.", ("status",), registry=REGISTRY
)
UNAVAILABLE: Final = Counter(
    "callvault_unavailable", "Answers 503, by the room that had no answer.", ("cause",), registry=REGISTRY
)
EVENTS: Final = Counter(
    "callvault_access_events", "Access events written, grants aside.", ("type",), registry=REGISTRY
)
GRANTS: Final = Counter(
    "callvault_grants", "Windows of audio that were granted.", ("way",), registry=REGISTRY
)
REFUSED: Final = Counter(
    "callvault_recordings_refused", "Recordings refused for good, by reason.", ("reason",), registry=REGISTRY
)
FAILED: Final = Counter(
    "callvault_recordings_failed", "Recordings given up for good, by reason.", ("reason",), registry=REGISTRY
)
MISSED: Final = Counter(
    "callvault_recordings_missed",
    "Recordings found in a provider's list that no webhook had told of.",
    ("provider",),
    registry=REGISTRY,
)
SEALED: Final = Counter("callvault_sealed_bytes", "Bytes of audio sealed.", registry=REGISTRY)
SERVED: Final = Counter(
    "callvault_served_bytes", "Bytes of audio handed to the server.", ("way",), registry=REGISTRY
)
KEY_RING: Final = Counter(
    "callvault_key_ring", "Account keys asked of the ring: had, or unwrapped.", ("found",), registry=REGISTRY
)
GROUPS: Final = Histogram(
    "callvault_commit_group_rows",
    "Writes that shared one commit.",
    ("kind",),
    registry=REGISTRY,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
LOOKS: Final = Counter(
    "callvault_worker_looks", "Looks of the worker for work of a kind.", ("work",), registry=REGISTRY
)
TROUBLES: Final = Counter(
    "callvault_worker_failures",
    "Looks that ended in an error, by kind of work.",
    ("work",),
    registry=REGISTRY,
)
RECOVERY: Final = Gauge(
    "callvault_recovery_mode",
    "1 while the database lacks what the object store has, so that nothing is served.",
    registry=REGISTRY,
)
SWEPT: Final = Counter(
    "callvault_swept_objects", "Leftovers of attempts that the sweep removed.", registry=REGISTRY
)
STORE_WENT_BACK: Final = Counter(
    "callvault_store_went_back",
    "Times that the object store was seen to have less than was written there.",
    registry=REGISTRY,
)
