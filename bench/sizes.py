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
    #: Seconds of one variant in one round of opens.
    opening: float
    #: Leaves of the trees whose proofs are compared, and how many proofs are one sample.
    trees: tuple[int, ...]
    proofs: int
    #: Events that come into the tree in one sample.
    events: int
    #: How often a recording is begun in one sample.
    begun: int
    #: Concurrent listeners, seconds from the first to the last who begins, and seconds after that.
    listeners: int
    arriving: float
    listening: float
    #: Recordings of the archives that are compared, and how often each thing is done in one sample.
    archives: tuple[int, ...]
    looks: int
    #: Recordings of the archives that are restored and swept, and events of the log of which an account is exported.
    restored: tuple[int, ...]
    #: Recordings that are restored into an empty database.
    whole: int
    exported: int
    #: Bytes of the recording that the vault and what would stand in its place take in, and of which a piece is heard.
    instead: int


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
    opening=0.7,
    trees=(1_000, 100_000, 1_000_000),
    proofs=300,
    events=10_000,
    begun=100,
    listeners=200,
    arriving=3.0,
    listening=15.0,
    archives=(1_000, 100_000, 1_000_000),
    looks=50,
    restored=(10_000, 100_000),
    whole=5_000,
    exported=2_000_000,
    instead=1_000_000_000,
)
QUICK = Sizes(
    rounds=2,
    seconds=0.1,
    connections=16,
    queued=500,
    objections=50,
    calling=0.15,
    upload=4_000_000,
    sealing=2 * _MEBIBYTE,
    large=4_000_000,
    small=1_000_000,
    seeks=20,
    playback=4_000_000,
    opening=0.1,
    trees=(100, 1_000, 10_000),
    proofs=20,
    events=500,
    begun=10,
    listeners=20,
    arriving=0.2,
    listening=0.8,
    archives=(100, 1_000),
    looks=5,
    restored=(100, 300),
    whole=40,
    exported=5_000,
    instead=16_000_000,
)
