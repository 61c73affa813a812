"""Names of account objects: they identify the history of the log that an object belongs to, and the newest object.

A name has the account, the revision, and a state of the log (its size and the first digits of its root) that
includes every event of the object. If the database is set back, revisions are reused, so with revisions alone two
histories would overwrite and delete each other's objects. With the state of the log their names always differ, and
the tree shows whether an object belongs to its history.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

PREFIX = "accounts/"
#: Length of a root.
ROOT_BYTES = 32
#: Hexadecimal digits of the root in a name.
ROOT_DIGITS = 16
_NAME = re.compile(
    rf"{PREFIX}(acct_[0-9a-f]+)/(?:([0-9]{{20}})-([0-9a-f]{{{ROOT_DIGITS}}})-)?([0-9]{{12,19}})\.json"
)
#: Maximum of a database integer, for sizes and revisions.
_MAX_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """A state of the access log."""

    #: Number of leaves.
    size: int
    #: Their Merkle root, 32 bytes.
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectName:
    """The parsed name of an account's object."""

    account_id: str
    #: Incremented with each change of the account, within one history.
    revision: int
    #: Leaves of the log; None in names of earlier releases, which have no log state.
    size: int | None = None
    #: The first 16 hexadecimal digits of the log's root at that size; empty where ``size`` is None.
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedNames:
    """The names of account objects, classified against the own tree; newest first in each class."""

    #: Of the own history: the tree has this root at this size. Names of earlier releases count as own and as
    #: older than all others. The first is the newest state that certainly belongs to the own history.
    own: Sequence[ObjectName]
    #: With a larger log than the own tree: the database lost them, or another history wrote them.
    ahead: Sequence[ObjectName]
    #: Of another history: the own tree has another root at this size. Never used as the newest.
    foreign: Sequence[ObjectName]

    def behind(self, fork: int) -> "SortedNames":
        """Leave out foreign objects of earlier forks, which contradict the ``fork`` leaves common to all histories."""
        foreign = [name for name in self.foreign if name.size is not None and name.size > fork]
        return replace(self, foreign=foreign)

    def own_since(self, *, written: int, now: int) -> Sequence[ObjectName]:
        """Return own objects that are newer than a database at revision ``now``.

        The database's last object has revision ``written``. Objects with a smaller log are older, whatever their
        revision is.
        """
        newer = takewhile(lambda name: name.revision != written, self.own)
        return [name for name in newer if name.revision > now]

    def not_noted(self, *, written: int) -> Sequence[ObjectName]:
        """Return the own objects but the one of revision ``written``, which is the database's last.

        A change without an event does not change the state of the log. So after the database was set back, they can be
        of the lost time, also under the same revision; then they are the only copy of a key that was made without one.
        """
        last = next((name for name in self.own if name.revision == written), None)
        return [name for name in self.own if name is not last]


def name_at(account_id: str, revision: int, log: LogState) -> ObjectName:
    """Return the name of an object that is written when the log is at this state or beyond it."""
    return ObjectName(
        account_id=account_id, revision=revision, size=log.size, root=log.root.hex()[:ROOT_DIGITS]
    )


def prompt_location(account_id: str, digest: str) -> str:
    """Return the key of a notice's sealed audio, by the SHA-256 of its bytes."""
    return f"prompts/{account_id}/{digest}"


def location_of(name: ObjectName) -> str:
    """Return the object's key in the object store."""
    log = "" if name.size is None else f"{name.size:020}-{name.root}-"
    return f"{PREFIX}{name.account_id}/{log}{name.revision:012}.json"


def parse_location(key: str) -> ObjectName | None:
    """Parse the key of an account's object; return None for another key."""
    match = _NAME.fullmatch(key)
    if match is None:
        return None
    account_id, size, root, revision = match.groups()
    if int(revision) > _MAX_NUMBER or int(size or 0) > _MAX_NUMBER:
        return None
    return ObjectName(
        account_id=account_id,
        revision=int(revision),
        size=None if size is None else int(size),
        root=root or "",
    )


def sort_names(names: Iterable[ObjectName], roots: Mapping[int, bytes]) -> SortedNames:
    """Classify names of one or more accounts by history, newest first.

    ``roots`` has the root of the own tree at the size of each name, except sizes beyond the own tree.
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
    """Group names by account."""
    groups: dict[str, list[ObjectName]] = {}
    for name in names:
        groups.setdefault(name.account_id, []).append(name)
    return groups


def _age(name: ObjectName) -> tuple[int, int]:
    """Return a sort key that increases with each object of one history."""
    return (-1 if name.size is None else name.size, name.revision)
