"""The CloudFormation templates as data, with their tags spelt out as CloudFormation's functions."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra" / "aws"
#: In the order in which they are deployed: each uses exports of those before it.
STACKS = ("keys", "storage", "network", "database", "commands", "service", "alarms")


class _Loader(yaml.SafeLoader):
    """Reads `!Ref X` as `{"Ref": "X"}` and `!Sub`, `!GetAtt` and the others as `{"Fn::...": ...}`."""


def _function(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _function)


def template(name: str) -> dict[str, Any]:
    """Return one template."""
    loaded: dict[str, Any] = yaml.load((INFRA / f"{name}.yaml").read_text(), _Loader)  # noqa: S506 - a SafeLoader
    return loaded


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of a kind, by its name, in all templates."""
    return {
        name: resource["Properties"]
        for stack in STACKS
        for name, resource in template(stack)["Resources"].items()
        if resource["Type"] == kind
    }
