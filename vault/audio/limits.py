"""How much a describer's child may use of anything, by the size of what it reads."""

from dataclasses import dataclass

from vault.domain.recordings.media import MAX_DURATION

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """One child's limits. An hour of Opus (13 MB), the costliest usual codec, takes 6 s of processor."""

    #: Bytes of address space. Python, NumPy and PyAV take 210 MB of it.
    memory: int = 1024 * MIB
    #: Seconds of processor time: so many, and so many more per MiB, but never more than the last.
    cpu_base: int = 60
    cpu_per_mib: int = 10
    cpu_most: int = 3600
    #: Seconds of the wall clock on top of twice the processor time; counted while the parent waits for
    #: the child, and not while storage is being read or written.
    patience: float = 30.0
    #: Seconds that a new child may take to be ready.
    start: float = 30.0
    #: Seconds of audio.
    max_duration: float = MAX_DURATION

    def processor(self, size: int) -> int:
        """Return the seconds of processor time for a source of ``size`` bytes."""
        return min(self.cpu_base + self.cpu_per_mib * (size // MIB), self.cpu_most)

    def clock(self, size: int) -> float:
        """Return the seconds for which the parent waits in all, for a source of ``size`` bytes."""
        return self.patience + 2 * self.processor(size)
