"""Account objects in the store, sorted by whether the database's own tree has the history that they name."""

from collections.abc import Iterable, Mapping, Sequence

from vault.domain.stored.account_object_name import (
    PREFIX,
    ObjectName,
    SortedNames,
    parse_location,
    sort_names,
)
from vault.ports.database import Database, Transaction
from vault.ports.objects import ObjectStore
from vault.services.audit_log.checkpoints import root_of

#: Roots that one transaction computes, each from some tens of nodes.
_BATCH_SIZE = 32


async def account_object_names(objects: ObjectStore, account_id: str | None = None) -> list[ObjectName]:
    """Return the names of one account's objects that lie in the store, or of all. Raises Unavailable."""
    prefix = PREFIX if account_id is None else f"{PREFIX}{account_id}/"
    names = [parse_location(stored.key) async for stored in objects.list(prefix)]
    return [name for name in names if name is not None]


async def sort_by_history(database: Database, names: Iterable[ObjectName]) -> SortedNames:
    """Sort names by what the tree of the database says about them. Raises Unavailable."""
    known = list(names)
    sizes = sorted({name.size for name in known if name.size is not None})
    roots: dict[int, bytes] = {}
    for start in range(0, len(sizes), _BATCH_SIZE):
        some = sizes[start : start + _BATCH_SIZE]
        roots |= await database.read(lambda tx, some=some: _roots(tx, some))  # type: ignore[misc]
    return sort_names(known, roots)


def _roots(tx: Transaction, sizes: Sequence[int]) -> Mapping[int, bytes]:
    head = tx.tree.head()
    return {size: root_of(tx, size) for size in sizes if size <= head.size}
