"""The table of a round: what was seen of how many, and what is aimed at."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. Without ``most`` and ``least`` it is a mere observation."""

    what: str
    seen: float
    of: int | None = None
    most: float | None = None
    least: float | None = None
    #: Whether a slow machine alone may break it: printed, and asserted by no test.
    timed: bool = False

    @property
    def holds(self) -> bool:
        """Say whether the aim is met."""
        return (self.most is None or self.seen <= self.most) and (
            self.least is None or self.seen >= self.least
        )

    def __str__(self) -> str:
        """Return the line."""
        seen = f"{self.seen:g}" if self.of is None else f"{self.seen:g} of {self.of}"
        aim = "" if self.most is None else f"at most {self.most:g}"
        aim += "" if self.least is None else f"at least {self.least:g}"
        verdict = "" if not aim else "holds" if self.holds else "BROKEN"
        return f"  {self.what:<66} {seen:>14}  {aim:<12} {verdict}"


@dataclass(slots=True)
class Table:
    """The figures of one round, and what was noticed besides."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(
        self,
        what: str,
        seen: float,
        of: int | None = None,
        *,
        most: float | None = None,
        least: float | None = None,
        timed: bool = False,
    ) -> None:
        """Add a line."""
        self.figures.append(
            Figure(what=what, seen=round(seen, 2), of=of, most=most, least=least, timed=timed)
        )

    def none(self, what: str, wrong: Sequence[object], of: int | None = None) -> None:
        """Add a line whose aim is that nothing was wrong."""
        self.add(what, len(wrong), of, most=0)
        self.remarks.extend(f"{what}: {one}" for one in wrong[:3])

    def remark(self, words: str) -> None:
        """Add what is no figure."""
        self.remarks.append(words)

    @property
    def broken(self) -> list[Figure]:
        """Return the lines whose aim is not met."""
        return [one for one in self.figures if not one.holds]

    @property
    def broken_at_any_pace(self) -> list[str]:
        """Return the lines whose aim is not met, but for those that a slow machine may break."""
        return [str(one) for one in self.broken if not one.timed]

    def __str__(self) -> str:
        """Return the table as it is printed."""
        return "\n".join([self.title, *map(str, self.figures), *(f"  - {one}" for one in self.remarks)])
