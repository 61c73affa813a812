"""What somebody without a valid permission can write into the access log, which never ends, and how much of it.

Each type of event says in its entry whether it needs a permission (``event_types/``). Of those that need none the log
takes an allowance of each actor, such as a link, a sign-in connection or an API key: a burst of 100, and one more each
minute. All are refused, and the rest is counted. ``vault/database/stores/audit_log/access_events.py`` asks before each
event, whatever door it comes by. One other place writes such an event: ``vault/database/stores/hot/open_sessions.py``,
which opens links in batches.
"""

from datetime import datetime, timedelta
from typing import Final

from vault.domain.audit_log.event_types.table import EVENT_TYPES, EventType

#: Rate limit of the refusals of one actor that are in the log: burst, and entries per hour.
DENIAL_BURST: Final = 100
DENIALS_PER_HOUR: Final = 60
#: After this an actor may write one more.
INTERVAL: Final = timedelta(hours=1) / DENIALS_PER_HOUR

#: Events that need no valid permission: somebody with a dead link, a revoked key or a nonsense code causes them.
NEEDS_NO_PERMISSION: Final[frozenset[EventType]] = frozenset(
    name for name, rules in EVENT_TYPES.items() if not rules.needs_permission
)


def last_free(now: datetime) -> datetime:
    """Return until when an allowance may be used now and still has an event left."""
    return now + (DENIAL_BURST - 1) * INTERVAL


def denials_allowed(age: timedelta, max_age: timedelta) -> int:
    """Return how many refusals the log has in all of what opens for ``max_age`` at most, and is of this age."""
    life = min(max_age, max(timedelta(), age))
    return DENIAL_BURST + int(DENIALS_PER_HOUR * life.total_seconds() / 3600)
