"""How much of everything a run takes: enough for steady figures, or just enough to show that all works."""

from dataclasses import dataclass

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Rounds, seconds and bytes of one run."""

    rounds: int
    #: Seconds of one variant in one round of webhooks.
    seconds: float
    connections: int
    #: Deliveries that wait while acknowledgements are timed.
    queued: int
    #: Numbers that must not be recorded, and seconds of one variant in one round of call starts.
    objections: int
    calling: float
    upload: int
    sealing: int
    #: The recordings between which seeks are compared, and how many seeks are one sample.
    large: int
    small: int
    seeks: int
    playback: int


FULL = Sizes(
    rounds=7,
    seconds=1.5,
    connections=64,
    queued=500,
    objections=1000,
    calling=4.0,
    upload=512_000_000,
    sealing=64 * _MEBIBYTE,
    large=1_000_000_000,
    small=1_000_000,
    seeks=200,
    playback=100_000_000,
)
QUICK = Sizes(
    rounds=2,
    seconds=0.2,
    connections=16,
    queued=500,
    objections=50,
    calling=0.25,
    upload=4_000_000,
    sealing=2 * _MEBIBYTE,
    large=4_000_000,
    small=1_000_000,
    seeks=20,
    playback=4_000_000,
)
