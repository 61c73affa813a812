"""Names of account objects: which history of the log one belongs to, and which of several is the newest.

A name says account, revision, and the state of the log (its size, the beginning of its root) at a moment
when every event that the object contains was in the tree. A revision alone goes back with a database that
goes back, so two histories would write, and delete, each other's objects. With the state of the log they
never have a name in common, and anyone who has a tree can tell whether an object is of their own history.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

PREFIX = "accounts/"
#: Bytes of a root.
ROOT_BYTES = 32
#: Hexadecimal digits of the root that a name has.
ROOT_DIGITS = 16
_NAME = re.compile(
    rf"{PREFIX}(acct_[0-9a-f]+)/(?:([0-9]{{20}})-([0-9a-f]{{{ROOT_DIGITS}}})-)?([0-9]{{12,19}})\.json"
)
#: Sizes and revisions are numbers that a column holds.
_MAX_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """The access log as it was at a moment."""

    #: Leaves.
    size: int
    #: Their Merkle root, 32 bytes.
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectName:
    """What the name of an account's object says."""

    account_id: str
    #: Grows by one with each change of the account, within one history.
    revision: int
    #: Leaves of the log; None in names that earlier releases wrote, which say nothing of the log.
    size: int | None = None
    #: The first 16 hexadecimal digits of the log's root at that size; empty where ``size`` is None.
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedNames:
    """The names of account objects by what the own tree says about them; newest first in each."""

    #: Of the own history: the tree has this root at this size. Names of earlier releases count as own, and
    #: as older than all others. The first of these is the newest state that is certainly one's own.
    own: Sequence[ObjectName]
    #: Longer than the own tree, which so cannot tell: the database lost them, or another history wrote them.
    ahead: Sequence[ObjectName]
    #: Of another history: the own tree has another root at this size. Never taken as newest.
    foreign: Sequence[ObjectName]

    def behind(self, fork: int) -> "SortedNames":
        """Leave out what lost before: objects that contradict the ``fork`` leaves that all sides agree on."""
        foreign = [name for name in self.foreign if name.size is not None and name.size > fork]
        return replace(self, foreign=foreign)

    def own_since(self, *, written: int, now: int) -> Sequence[ObjectName]:
        """Return objects of the own history that are newer than a database at revision ``now``.

        Its own last object has revision ``written``. One with a smaller log is older, whatever its revision says.
        """
        newer = takewhile(lambda name: name.revision != written, self.own)
        return [name for name in newer if name.revision > now]


def name_at(account_id: str, revision: int, log: LogState) -> ObjectName:
    """Return the name of an object that is written while the log is in this state, or was later than it."""
    return ObjectName(
        account_id=account_id, revision=revision, size=log.size, root=log.root.hex()[:ROOT_DIGITS]
    )


def location_of(name: ObjectName) -> str:
    """Return the object's key in the object store."""
    log = "" if name.size is None else f"{name.size:020}-{name.root}-"
    return f"{PREFIX}{name.account_id}/{log}{name.revision:012}.json"


def parse_location(key: str) -> ObjectName | None:
    """Return what the key of an account's object says; None for another key."""
    found = _NAME.fullmatch(key)
    if found is None:
        return None
    account_id, size, root, revision = found.groups()
    if int(revision) > _MAX_NUMBER or int(size or 0) > _MAX_NUMBER:
        return None
    return ObjectName(
        account_id=account_id,
        revision=int(revision),
        size=None if size is None else int(size),
        root=root or "",
    )


def sort_names(names: Iterable[ObjectName], roots: Mapping[int, bytes]) -> SortedNames:
    """Sort names of one or more accounts by history, newest first.

    ``roots`` has the root of the own tree at each size that a name has and the tree, too. A size that is
    not in it is longer than the own tree.
    """
    own, ahead, foreign = list[ObjectName](), list[ObjectName](), list[ObjectName]()
    for name in sorted(names, key=_age, reverse=True):
        if name.size is None:
            own.append(name)
        elif name.size not in roots:
            ahead.append(name)
        elif roots[name.size].hex().startswith(name.root):
            own.append(name)
        else:
            foreign.append(name)
    return SortedNames(own=own, ahead=ahead, foreign=foreign)


def by_account(names: Iterable[ObjectName]) -> Mapping[str, Sequence[ObjectName]]:
    """Return names by the account that each is of."""
    found: dict[str, list[ObjectName]] = {}
    for name in names:
        found.setdefault(name.account_id, []).append(name)
    return found


def _age(name: ObjectName) -> tuple[int, int]:
    """Return what grows with each state that one history writes."""
    return (-1 if name.size is None else name.size, name.revision)
