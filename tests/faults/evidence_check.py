"""Checks evidence as an auditor does, with SHA-256 and JSON alone, and by nobody's word."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

_SALT_BYTES = 32


def broken_links(evidence: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a chain as the vault shows it; an empty list where all of it holds."""
    entries = [evidence["sealed"], *evidence["chain"]]
    wrong = []
    for place, entry in enumerate(entries):
        canonical = base64.b64decode(entry["canonical"])
        said = json.loads(canonical[_SALT_BYTES:])
        if hashlib.sha256(canonical).hexdigest() != entry["digest"]:
            wrong.append(f"entry {place} has another digest")
        if said != entry["said"]:
            wrong.append(f"entry {place} says something else")
        if said["recording"] != evidence["recording"]:
            wrong.append(f"entry {place} is about another recording")
        if place and said["before"] != entries[place - 1]["digest"]:
            wrong.append(f"entry {place} does not come after entry {place - 1}")
    if evidence["head"] != entries[-1]["digest"]:
        wrong.append("the head is not the newest entry")
    return wrong


def kinds(evidence: Mapping[str, Any]) -> list[str]:
    """Return what the entries after the sealing are about, in their order."""
    return [entry["said"]["kind"] for entry in evidence["chain"]]


def told(evidence: Mapping[str, Any]) -> Counter[str]:
    """Return how often each consent event stands in the evidence, by its id."""
    chained = (entry["said"]["event"] for entry in evidence["chain"] if entry["said"]["kind"] == "consent")
    return _ids([*evidence["sealed"]["said"]["consent"], *chained])


def _ids(events: Iterable[Mapping[str, Any]]) -> Counter[str]:
    return Counter(event["id"] for event in events)
