"""What the status of a reply means where a system has no rule of its own, and how much of a budget is left."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from vault.crm.reading import code_of, field_of, header_number, json_of
from vault.domain.crm.exchange import Act, Budget, CrmReply
from vault.domain.crm.verdict import Accepted, Denied, Gone, Refused, Unauthorized, Unclear, Verdict, Wait
from vault.domain.outbox.attempt import MOST_WAIT, wait_asked

_SUCCESS: Final = range(200, 300)
#: The request was read, and not carried out.
_ANSWERED: Final = range(300, 500)
#: Time out of the request, locked, too early, too many, HubSpot's migration of an account.
_LATER: Final = frozenset({408, 423, 425, 429, 477})
_FORBIDDEN, _CONFLICT = 403, 409
_FIXED: Final[Mapping[int, Verdict]] = {401: Unauthorized(), 404: Gone(), 410: Gone()}
#: Milliseconds as seconds since 1970 would lie in a far future.
_LATEST: Final = 4_102_444_800


def verdict_of(act: Act, reply: CrmReply, *, code: object = None, field: object = None) -> Verdict:
    """Return what the status of a reply means; ``code`` and ``field`` are the system's own words for an error."""
    status = reply.status
    if status in _SUCCESS:
        # A search whose answer cannot be read says nothing.
        unread = act in {"find", "probe"} and reply.body.strip() and json_of(reply) is None
        return Wait() if unread else Accepted()
    if status == _CONFLICT or status not in _ANSWERED:
        return Unclear() if act == "create" else Wait(asked=asked_wait(reply))
    # An edge that blocks too many requests answers with a page.
    if status in _LATER or (status == _FORBIDDEN and json_of(reply) is None):
        return Wait(asked=asked_wait(reply))
    if status == _FORBIDDEN:
        return Denied(code=code_of(code))
    return _FIXED.get(status) or Refused(code=code_of(code or f"status_{status}"), field=field_of(field))


def asked_wait(reply: CrmReply, header: str = "retry-after") -> timedelta | None:
    """Return the wait that a header asks for, in seconds or as a date, within the bounds of the outbox."""
    return wait_asked(reply.headers.get(header), reply.received_at)


def budget_of(reply: CrmReply, *, remaining: str, limit: str, resets: str) -> Budget | None:
    """Read a budget from headers. ``resets`` has seconds, or the second since 1970 in which it begins again."""
    left, most, end = (header_number(reply.headers.get(name)) for name in (remaining, limit, resets))
    if left is None:
        return None
    wait = timedelta(seconds=60)
    if end is not None and end <= _LATEST:
        now = int(reply.received_at.timestamp())
        wait = timedelta(seconds=end - now if end > now // 2 else end)
    return Budget(remaining=left, limit=most, resets_in=max(timedelta(0), min(MOST_WAIT, wait)))


def until_midnight(reply: CrmReply) -> timedelta:
    """Return the time until the next midnight, UTC, within the bounds of the outbox."""
    now = reply.received_at.astimezone(UTC)
    end = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    return min(MOST_WAIT, end - now)
