"""Every service is on the page vault/services/service.py, and keeps nothing between two calls."""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator

from vault.database.interface import Database
from vault.services.service import Jobs, Vault


def is_protocol(kind: type) -> bool:
    return getattr(kind, "_is_protocol", False)


def services() -> Iterator[type]:
    """Yield what services/ defines that can be awaited: classes with a public async method, or that can be called."""
    package = importlib.import_module("vault.services")
    for module in pkgutil.walk_packages(package.__path__, "vault.services."):
        for kind in vars(importlib.import_module(module.name)).values():
            if not inspect.isclass(kind) or kind.__module__ != module.name or is_protocol(kind):
                continue
            methods = public_methods(kind).values()
            if any(inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one) for one in methods):
                yield kind


def public_methods(kind: type) -> dict[str, Callable[..., object]]:
    """Return the methods that others call."""
    methods = {name: method for name, method in vars(kind).items() if inspect.isroutine(method)}
    return {name: method for name, method in methods.items() if name == "__call__" or name[0] != "_"}


def listed() -> set[type]:
    """Return the services and jobs on the page."""
    fields = [*dataclasses.fields(Vault), *dataclasses.fields(Jobs)]
    return {field.type for field in fields if isinstance(field.type, type)} - {Jobs, Database}


def test_a_service_is_a_frozen_dataclass_that_is_awaited() -> None:
    """A service keeps nothing between two calls that its fields do not hold, and its methods are async."""
    found = list(listed())
    assert len(found) > 40
    frozen = {kind for kind in found if dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen}
    assert [kind for kind in found if kind not in frozen] == []
    # The log's own public key is in memory.
    awaited = {
        f"{kind.__name__}.{name}": inspect.iscoroutinefunction(method)
        for kind in found
        for name, method in public_methods(kind).items()
    }
    assert [name for name, is_async in awaited.items() if not is_async] == ["LogProofs.verifier_key"]


def test_the_whole_service_stands_on_one_page() -> None:
    """What can be awaited is a field of Vault or Jobs, or one of the parts that services share."""
    shared = {"AccountDataKeys", "AccountLimiter", "ActorNames", "AddStatement", "Admission", "AdmitRecording",
        "Allowance",
        "Anchor", "Announce", "AnnounceAgain", "AskApproval", "AskProvider", "Attempt", "BeginRotation", "CallStart",
        "CertainNumbers", "CloseAccount",
        "CompareAccount", "CompareLog", "CompareObjects", "CompareRecording", "EraseAccount", "ErasePendingCalls",
        "EventScan", "ExecuteApproval", "ExportAccount", "ConnectionCache", "ComputeTerms", "DescribeAudio",
        "EvidenceChain", "FetchProviderDocuments", "FindPerson", "FindSpeaker", "FirstManifest", "IdentifyPeople",
        "Journal", "KeyObjections", "LinkTokenVerifier", "ListenerNames", "NoteActivity", "JournaledDatabase",
        "MakePackage", "MakeReceipt",
        "NameInformed", "ObjectionList", "OpenCallback", "OpenedConnections", "OpenLogKey", "PackageAbout",
        "PackageAudio", "PackageContents", "PackageFiles", "PeopleKeys", "PlaceHold", "ProveRootKey", "Publication",
        "PublishedLog", "RateLimiter", "ReadBack", "ReadReceipt", "RecordConsent", "RequestObjects", "RestoreAccounts",
        "RestoreLog", "RestoreRecordings", "RestoreUnnamed", "RestrictRecording", "RetentionClock", "SealedAudio",
        "SealedEntries", "SealPackage", "SealedRequests", "SignedLinks", "StoreCallFacts", "ZipStream", "_Page",
        "_Rendition", "LegalMinimum", "EraseDecided",
    }  # fmt: skip
    assert {kind.__name__ for kind in services()} - {kind.__name__ for kind in listed()} == shared
