"""The alarms: made through the API as moto's CloudFormation skips them, and asking for what the vault says."""

import ast
import json
import logging
import re
from typing import Any

import pytest

from tests.infra.moto_stacks import Deployed
from tests.infra.templates import ROOT, resources, template
from vault.structured_log import JsonFormatter, Log

#: The parts of the vault that have a circuit breaker.
BREAKERS = ("key_service", "object_store")
FILTER = re.compile(r'\{ \$\.(\w+) = "([\w.]+)" \}')


def events(*levels: str) -> set[str]:
    """Return the events that the vault logs at these levels."""
    found = set()
    for path in sorted((ROOT / "vault").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in levels
                and ast.unparse(node.func.value) == "_LOG"
            ):
                event = node.args[0]
                if isinstance(event, ast.JoinedStr):  # Of a circuit breaker, after the name of its part.
                    found |= {part + ast.literal_eval(event.values[-1]) for part in BREAKERS}
                else:
                    found.add(ast.literal_eval(event))
    return found


def filters() -> dict[str, tuple[str, str]]:
    """Return the field and the value that each metric filter looks for, by the metric that counts it."""
    found = {}
    for name, properties in resources("AWS::Logs::MetricFilter").items():
        match = FILTER.fullmatch(properties["FilterPattern"])
        assert match, name
        (transformation,) = properties["MetricTransformations"]
        found[transformation["MetricName"]] = (match[1], match[2])
    return found


def test_filters_ask_for_events_that_the_vault_logs() -> None:
    """Each filter by event names one that is logged at warning or above, and counts it under its name."""
    known = events("warning", "error", "critical")
    assert "recording.tampered" in known
    by_event = {metric: value for metric, (field, value) in filters().items() if field == "event"}
    assert by_event == {value: value for value in by_event.values()}
    assert set(by_event) <= known
    assert {"recording.tampered", "log.forked", "reconcile.missed"} <= set(by_event)


@pytest.mark.parametrize("metric", sorted(filters()))
def test_a_filter_finds_a_line_as_the_vault_writes_it(metric: str, caplog: pytest.LogCaptureFixture) -> None:
    """The field that a filter looks at has that value in the JSON line, as `error` has `level`."""
    field, value = filters()[metric]
    with caplog.at_level(logging.WARNING):
        Log("test").error(value if field == "event" else "worker.failed", recording_id="rec_1")
    line = json.loads(JsonFormatter().format(caplog.records[-1]))
    assert line[field] == value


@pytest.mark.xdist_group("stacks")
def test_every_alarm_counts_what_is_there(stacks: Deployed) -> None:
    """Every alarm goes to the topic; those on metrics of our own have a filter that makes the metric."""
    made = {one["AlarmName"]: one for one in stacks.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert sorted(made) == sorted(resources("AWS::CloudWatch::Alarm"))
    assert {tuple(one["AlarmActions"]) for one in made.values()} == {(stacks.outputs["Topic"],)}
    ours = {one["MetricName"] for one in made.values() if one["Namespace"] == "callvault"}
    assert ours == set(filters())
    listed = stacks.client("logs").describe_metric_filters(logGroupName=stacks.outputs["LogGroup"])
    assert {one["metricTransformations"][0]["metricName"] for one in listed["metricFilters"]} == ours
    watched = {end["Name"]: end["Value"] for one in made.values() for end in one["Dimensions"]}
    assert watched["LoadBalancer"].startswith("app/callvault/")
    assert watched["TargetGroup"].startswith("targetgroup/callvault/")
    assert (watched["ClusterName"], watched["DBInstanceIdentifier"]) == ("callvault", "callvault")


@pytest.mark.parametrize("name", sorted(resources("AWS::CloudWatch::Alarm")))
def test_an_alarm_says_what_to_do(name: str) -> None:
    """Each has a description of whole sentences."""
    said: str = resources("AWS::CloudWatch::Alarm")[name]["AlarmDescription"]
    assert said.endswith(".")
    assert len(said.split()) > 5


def test_the_topic_takes_alarms_and_the_key_lets_them_in() -> None:
    """Both services that tell the topic may publish to it and use the key that encrypts it; nobody else may."""
    (policy,) = resources("AWS::SNS::TopicPolicy").values()
    services = policy["PolicyDocument"]["Statement"][0]["Principal"]["Service"]
    key: list[dict[str, Any]] = template("keys")["Resources"]["OperationsKey"]["Properties"]["KeyPolicy"][
        "Statement"
    ]
    let_in = [one["Principal"]["Service"] for one in key if one["Sid"] == "AlarmsThroughTheTopic"]
    assert let_in == [services]
    assert services == ["cloudwatch.amazonaws.com", "events.amazonaws.com"]
