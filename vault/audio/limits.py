"""Resource limits of a describer's child, by the size of its source."""

from dataclasses import dataclass

from vault.domain.recordings.media import MAX_DURATION

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """One child's limits. An hour of Opus (13 MB), the slowest common codec, takes 6 s of CPU time."""

    #: Bytes of address space. Python, NumPy and PyAV take 210 MB of it.
    memory: int = 1024 * MIB
    #: Seconds of CPU time: a base, plus an amount per MiB, up to a maximum.
    cpu_base: int = 60
    cpu_per_mib: int = 10
    cpu_most: int = 3600
    #: Seconds of wall-clock time in addition to twice the CPU time; counted only while the parent waits for
    #: the child, not while storage is read or written.
    patience: float = 30.0
    #: Timeout of a child's start in seconds.
    start: float = 30.0
    #: Maximum duration of the audio in seconds.
    max_duration: float = MAX_DURATION

    def processor(self, size: int) -> int:
        """Return the CPU time limit in seconds for a source of ``size`` bytes."""
        return min(self.cpu_base + self.cpu_per_mib * (size // MIB), self.cpu_most)

    def clock(self, size: int) -> float:
        """Return the total timeout of the parent in seconds for a source of ``size`` bytes."""
        return self.patience + 2 * self.processor(size)
