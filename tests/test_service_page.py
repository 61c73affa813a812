"""Every service is on the page vault/services/service.py, and keeps nothing between two calls."""

import ast
import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import get_args, get_type_hints

from tests.support.service_page import listed, subjects, types_of
from vault.services.jobs import Jobs
from vault.services.service import Vault

SERVICES = Path(__file__).parents[1] / "vault" / "services"


def public_methods(kind: type) -> dict[str, Callable[..., object]]:
    """Return the methods that others call."""
    methods = {name: method for name, method in vars(kind).items() if inspect.isroutine(method)}
    return {name: method for name, method in methods.items() if name == "__call__" or name[0] != "_"}


#: Services of another subject than their folder's.
ELSEWHERE = {
    "Quarantine": "recordings, because it is of recordings that somebody decides",
    "RecoveryCheck": "node, because the node asks before it works",
}


def test_a_subject_has_the_services_of_one_folder() -> None:
    """Whoever knows a file of a service knows where Vault has it."""
    assert len(subjects()) > 10
    for field in dataclasses.fields(Vault):
        if field.type in subjects() and field.type is not Jobs:
            folders = {
                kind.__module__.split(".")[2]: kind.__name__
                for kind in types_of(field.type)
                if kind.__name__ not in ELSEWHERE
            }
            assert folders.keys() == {field.name}, folders


def test_a_service_is_a_frozen_dataclass_that_is_awaited() -> None:
    """A service keeps nothing between two calls that its fields do not hold, and its methods are async."""
    found = list(listed())
    assert len(found) > 40
    frozen = {kind for kind in found if dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen}
    assert [kind for kind in found if kind not in frozen] == []
    # The log's own public key is in memory, and what a worker polls is a constant.
    awaited = {
        f"{kind.__name__}.{name}": inspect.iscoroutinefunction(method)
        for kind in found
        for name, method in public_methods(kind).items()
        if name != "jobs"
    }
    assert [name for name, is_async in awaited.items() if not is_async] == ["LogProofs.verifier_key"]


#: Services that have another one as a part, also within their parts, and why.
PARTS = {
    ("AccountMoves", "LogPublisher"): "the log is read to its end before an account leaves",
    ("AccountMoves", "PublishEvents"): "the log is read to its end before an account leaves",
    ("AccountMoves", "FollowLog"): "the log is read to its end before an account leaves",
    (
        "AccountMoves",
        "SingletonJobs",
    ): "a worker may write the objects of an account that arrives at the same time",
    ("AccountMoves", "WriteDueManifests"): "a restore where an account arrives needs its objects",
    ("AccountMoves", "WriteAccountObjects"): "a restore where an account arrives needs its objects",
    ("AccountMoves", "WriteTombstones"): "a restore where an account arrives needs its objects",
    ("Calls", "PauseRecordings"): "a pause is one of a call, whose routes reach it there",
    ("ExecuteRequests", "Receipts"): "a package has the receipts of earlier requests",
    ("Outages", "ReadinessProbe"): "work that needs a part of the vault begins once that part answers",
    ("Restore", "RestoreUnnamed"): "finishes the restore while the vault serves",
}


def parts_of(kind: type) -> set[type]:
    """Return what a service is made of: the types of its fields, of their fields, and so on."""
    found, waiting = set[type](), [kind]
    while waiting:
        hints = get_type_hints(waiting.pop())
        new = {
            part for hint in hints.values() for part in types_in(hint) if dataclasses.is_dataclass(part)
        } - found
        found |= new
        waiting += new
    return found


def types_in(hint: object) -> set[type]:
    """Return a type, or those within it."""
    own = {hint} if isinstance(hint, type) else set[type]()
    return own.union(*map(types_in, get_args(hint)))


def imported_services() -> set[str]:
    """Return the services that another module of services imports, but for the pages and tables above the subjects."""
    names = {kind.__name__ for kind in listed()}
    above = {"service.py", "jobs.py", "approved_acts.py"}
    trees = [ast.parse(path.read_text()) for path in SERVICES.rglob("*.py") if path.name not in above]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    own = [one for one in imports if (one.module or "").startswith("vault.services")]
    return {alias.name for one in own for alias in one.names} & names


def test_no_service_calls_another() -> None:
    """None has another one as a part, and none makes one: it commits rows, and signals wake who works on them."""
    kinds = listed()
    used = {(kind.__name__, part.__name__) for kind in kinds for part in parts_of(kind) & kinds - {kind}}
    assert used == PARTS.keys()
    assert imported_services() <= {part for _, part in PARTS}
