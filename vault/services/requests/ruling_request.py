"""What a client decides on a request, and the ruling that it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vault.domain.requests.request import Informed, Period, Ruling, Verdict
from vault.services.requests.find_person import FoundPerson


@dataclass(frozen=True, slots=True, kw_only=True)
class RulingRequest:
    """A client's decision on a request."""

    default: Verdict
    verdicts: Mapping[str, Verdict]
    reason: str | None
    #: In place of the request's own; and whether the person held the numbers in the gaps between its calls too.
    period: Period | None
    whole_time: bool
    #: When recipients were informed of it, by their id in the register.
    informed: Mapping[str, datetime] = field(default_factory=dict)

    def ruling(self, found: FoundPerson, informed: tuple[Informed, ...], *, at: datetime, by: str) -> Ruling:
        """Return the ruling on what is found."""
        decided = found.decided_by(self.verdicts)
        return Ruling(
            default=self.default,
            verdicts=self.verdicts,
            recordings=tuple(one.id for one in decided.recordings),
            calls=tuple(one.call_ref for one in decided.calls),
            reason=self.reason,
            informed=informed,
            at=at,
            by=by,
        )

    def is_repeated_by(self, ruling: Ruling) -> bool:
        """Return whether a ruling decides the same."""
        return (ruling.default, ruling.verdicts, ruling.reason) == (self.default, self.verdicts, self.reason)
