"""Incidents as series of metrics over time, a sample each half minute, and those of retention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Each incident begins after two minutes.
_CALM = 3


@dataclass(frozen=True, kw_only=True)
class Incident:
    """Series during an incident, and when the alert must be quiet and fire, in minutes since the series began."""

    alert: str
    series: Mapping[str, str]
    quiet: Sequence[float]
    fires: Sequence[float] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""


def level(bad: float, minutes: float = 240, *, good: float = 0, after: float | None = None) -> str:
    """Return a gauge that is good for two minutes, bad for some, and then ``after``, if anything."""
    end = "" if after is None else f" {after}x600"
    return f"{good}x{_CALM} {bad}x{round(minutes * 2) - 1}{end}"


def grows(step: float, minutes: float = 240, *, calm: float = 0) -> str:
    """Return a counter that grows by ``calm`` for two minutes, then by ``step`` each half minute, then no more."""
    top = calm * _CALM + step * round(minutes * 2)
    return f"0+{calm}x{_CALM} {calm * _CALM + step}+{step}x{round(minutes * 2) - 1} {top}x600"


def moves(step: str) -> str:
    """Return the series of the oldest move that waits for this."""
    return f'callvault_moves_oldest_seconds{{step="{step}"}}'


#: Of retention and its object locks.
RETENTION = [
    Incident(
        alert="CallvaultRetentionPaused",
        series={"callvault_retention_paused": level(1, 5, after=0)},
        quiet=(1, 8),
        fires=(2.5, 6),
    ),
    Incident(
        alert="CallvaultRetentionCapped",
        series={'callvault_retention_accounts{outcome="capped"}': level(1, 25, after=0)},
        quiet=(1, 10, 32),
        fires=(15, 25),
    ),
    Incident(
        alert="CallvaultRetentionResidue",
        name="due for two days",
        series={"callvault_retention_residue": level(7, 2880, after=0)},
        quiet=(1, 60, 1400, 2890),
        fires=(1450, 2870),
    ),
    Incident(
        alert="CallvaultRetentionResidue",
        name="not counted for two days",
        series={"callvault_retention_residue": " ".join(["0x3", *["NaN"] * 2940])},
        quiet=(1, 1400),
        fires=(1450,),
    ),
    Incident(
        alert="CallvaultObjectLocksUnknown",
        series={"callvault_object_locks_unknown": level(2, 120, after=0)},
        quiet=(1, 50, 130),
        fires=(70, 115),
    ),
]

#: Of nodes, and of their answers.
NODES = [
    Incident(
        alert="CallvaultClockWrong",
        series={'callvault_clock_offset_seconds{instance="a"}': level(-600, 10, good=0.2, after=0.1)},
        quiet=(1, 6.5, 13),
        fires=(8, 11),
        labels={"instance": "a"},
    ),
    Incident(
        alert="CallvaultDiskFull",
        series={'callvault_disk_free_bytes{instance="a"}': level(5e8, 10, good=2e9, after=2e9)},
        quiet=(1, 6.5, 13),
        fires=(8, 11),
        labels={"instance": "a"},
    ),
    Incident(
        alert="CallvaultVacuumHeld",
        series={'callvault_vacuum_held_seconds{holder="idle_transaction"}': level(900, 20, after=0)},
        quiet=(1, 3.5, 24),
        fires=(4.5, 20),
        labels={"holder": "idle_transaction"},
    ),
    Incident(
        alert="CallvaultVacuumHeld",
        name="by a standby, of which PostgreSQL knows no time",
        series={
            'callvault_vacuum_held_seconds{holder="standby"}': level(0, 30),
            'callvault_vacuum_held_transactions{holder="standby"}': level(2e6, 20, after=5),
        },
        quiet=(1, 3.5, 24),
        fires=(4.5, 20),
        labels={"holder": "standby"},
    ),
    Incident(
        alert="CallvaultSiemLags",
        series={"callvault_siem_waiting_seconds": level(900, 20, after=0)},
        quiet=(1, 6, 24),
        fires=(8, 20),
    ),
    Incident(
        alert="CallvaultUnavailable",
        name="one minute of 503s",
        quiet=(2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15),
        series={
            "callvault_unavailable_total": grows(50, 1),
            "callvault_http_responses_total": "0+100x600",
        },
    ),
    Incident(
        alert="CallvaultUnavailable",
        name="that ends after ten minutes",
        quiet=(14, 16, 18),
        fires=(11,),
        series={
            "callvault_unavailable_total": grows(50, 10),
            "callvault_http_responses_total": "0+100x600",
        },
    ),
]

#: Of accounts that move to another vault.
MOVES = [
    Incident(
        alert="CallvaultMoveCut",
        series={moves("cut"): "0x3 0+30x20 0x600"},
        quiet=(1, 6, 14),
        fires=(8, 11),
    ),
    Incident(
        alert="CallvaultMoveUnfinished",
        series={moves("arriving"): "0x3 0+30x5000"},
        quiet=(1, 1440),
        fires=(1445, 2400),
    ),
    Incident(
        alert="CallvaultMoveNotDestroyed",
        series={moves("destruction"): "0x3 0+30x5000"},
        quiet=(1, 1440),
        fires=(1445, 2400),
    ),
]

#: What one machine cannot have by itself (a clock apart from its servers, a full disk, an account between two vaults),
#: or what has no test that waits for ten minutes (the time of an entry of the log or of a snapshot cannot be changed),
#: is tried as series alone.
BY_SERIES = {one.alert for one in MOVES} | (
    {"CallvaultClockWrong", "CallvaultDiskFull", "CallvaultSiemLags", "CallvaultVacuumHeld"}
    & {one.alert for one in NODES}
)
