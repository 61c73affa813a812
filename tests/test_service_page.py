"""Every service is on the page vault/services/service.py, and keeps nothing between two calls."""

import dataclasses
import inspect
from collections.abc import Callable

import grimp

from tests.support.service_page import listed, subjects, types_of
from vault.services.jobs import Jobs
from vault.services.service import Vault


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


#: Modules of services that use another one, by their ends, and what they take from it.
USES = {
    ("accounts.console_sessions", "accounts.api_keys"): "the functions that read a key and check it",
    ("approvals.approvals", "approvals.execute"): "the part that carries out what was approved",
    ("backup.fsck", "backup.write_account_objects"): "the function that opens an account's object",
    ("backup.restore", "backup.restore_unnamed"): "the part that finishes it while the vault serves",
    ("backup.restore", "closing_acts.journal"): "the part that keeps closing acts",
    ("backup.restore", "backup.write_account_objects"): "the function that opens an account's object",
    ("closing_acts.check_recovery", "closing_acts.journal"): "the part that keeps closing acts",
    ("ingest.retry_recording", "ingest.receive_webhook"): "the function that checks a media URL",
    ("requests.closures", "retention.hold_release"): "the waiting time of a release",
    ("requests.execute", "requests.packages"): "the function that deletes packages",
    ("requests.execute", "requests.receipts"): "the reader of receipts, which a package has",
    ("retention.apply_policies", "retention.retention_policy"): "the function that opens policies",
    ("retention.preview_policy", "retention.retention_policy"): "the subject of a preview",
    ("retention.recording_retention", "retention.retention_policy"): "the function that opens policies",
}


def test_no_service_calls_another() -> None:
    """Not through modules in between either: a service commits rows, and signals wake who works on them."""
    graph = grimp.build_graph("vault")
    modules = {kind.__module__ for kind in listed()}
    used = {(one, other) for one in modules for other in graph.find_upstream_modules(one) & modules}
    names = {
        (one.removeprefix("vault.services."), other.removeprefix("vault.services.")) for one, other in used
    }
    assert names == USES.keys()
