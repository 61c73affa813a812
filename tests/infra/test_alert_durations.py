"""The alert rules over time, by promtool: when each begins to fire, and that none fires when an incident is over.

``test_alerts.py`` has the incidents themselves, without the durations.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.incidents import MOVES, NODES, RETENTION, Incident, grows, level
from tests.infra.prometheus import ALERTS, program, rules

#: Of all series below, so the number n of a sample is n * 30 seconds.
_INTERVAL = "30s"


def events(kind: str) -> str:
    """Name the counter of an access event."""
    return f'callvault_access_events_total{{type="{kind}"}}'


def queue(state: str, what: str = "recordings") -> str:
    """Name a gauge of the queue."""
    return f'callvault_queue_{what}{{state="{state}"}}'


def bucket(metric: str, le: str) -> str:
    """Name a bucket."""
    return f'{metric}_bucket{{le="{le}"}}'


READY = 'callvault_ready{part="objects",instance="a"}'
LOOKS, FAILURES = (
    'callvault_worker_looks_total{work="ingest"}',
    'callvault_worker_failures_total{work="manifests"}',
)
ACKS, TAKEN = "callvault_webhook_ack_seconds", "callvault_recording_available_seconds"
#: Recordings that take ten minutes, while others wait.
LATE = {
    bucket(TAKEN, "300.0"): grows(0),
    bucket(TAKEN, "900.0"): grows(5, 30),
    bucket(TAKEN, "+Inf"): grows(5, 30),
}
DOWN = {'up{job="callvault",instance="a"}': level(0, 10, good=1, after=1)}
INCIDENTS = [
    *RETENTION,
    *MOVES,
    *NODES,
    Incident(
        alert="CallvaultNodeDown",
        series=DOWN,
        quiet=(1, 3.5, 13),
        fires=(4.5, 11),
        labels={"job": "callvault", "instance": "a"},
    ),
    Incident(
        alert="CallvaultNotReady",
        series={READY: level(0, 10, good=1, after=1)},
        quiet=(1, 3.5, 13),
        fires=(4.5, 11),
        labels={"part": "objects"},
    ),
    Incident(
        alert="CallvaultWebhooksSlow",
        name="slow for seven minutes",
        quiet=(6, 9, 11, 12, 13, 14, 15, 20),
        series={
            bucket(ACKS, "1.0"): "0+10x3 31+1x13 50+10x600",
            bucket(ACKS, "2.5"): "0+10x600",
            bucket(ACKS, "+Inf"): "0+10x600",
        },
    ),
    Incident(
        alert="CallvaultRecoveryMode",
        series={"callvault_recovery_mode": level(1, 5, after=0)},
        quiet=(1, 8),
        fires=(2.5, 6),
    ),
    Incident(
        alert="CallvaultRequestsOverdue",
        series={"callvault_requests_overdue": level(1, 25, after=0)},
        quiet=(1, 10, 32),
        fires=(15, 25),
    ),
    Incident(
        alert="CallvaultRequestCallbacksFail",
        series={"callvault_request_callbacks_waiting_seconds": "0x3 120+30x5000"},
        quiet=(1, 1435),
        fires=(1445, 2400),
    ),
    Incident(
        alert="CallvaultUnavailable",
        quiet=(1, 6),
        fires=(9, 12),
        series={
            "callvault_unavailable_total": grows(2),
            "callvault_http_responses_total": grows(100, calm=100),
        },
    ),
    Incident(
        alert="CallvaultServerErrors",
        series={'callvault_http_responses_total{status="500"}': grows(1, 0.5)},
        quiet=(1, 20),
        fires=(3, 10),
    ),
    Incident(
        alert="CallvaultWebhooksSlow",
        quiet=(1, 11),
        fires=(14, 20),
        series={
            bucket(ACKS, "1.0"): grows(9),
            bucket(ACKS, "2.5"): grows(10),
            bucket(ACKS, "+Inf"): grows(10),
        },
    ),
    Incident(
        alert="CallvaultRecordingsWait",
        series={queue("received", "oldest_seconds"): level(901)},
        quiet=(1, 6.5),
        fires=(8,),
    ),
    Incident(
        alert="CallvaultRecordingsRetry",
        name="a media host down for 39 minutes",
        quiet=(1, 11, 43),
        fires=(13, 40),
        series={
            queue("retry_wait"): level(372, 39, after=0),
            queue("retry_wait", "oldest_seconds"): "0x3 0+30x77 0x600",
        },
    ),
    Incident(
        alert="CallvaultRecordingsRetry",
        name="one provider down for long",
        quiet=(60, 90),
        fires=(110,),
        series={queue("retry_wait"): level(3), queue("retry_wait", "oldest_seconds"): "0x3 0+30x600"},
    ),
    Incident(
        alert="CallvaultRecordingsRetry",
        name="an upload that its client gave up",
        quiet=(30, 70),
        series={
            queue("retry_wait"): level(1, 60, after=0),
            queue("retry_wait", "oldest_seconds"): "0x3 0+30x119 0x600",
        },
    ),
    Incident(
        alert="CallvaultAvailableLate",
        quiet=(1, 6, 33),
        fires=(9, 30),
        series={**LATE, queue("stored"): level(40, 30, after=0), queue("erasing"): level(1)},
    ),
    Incident(
        alert="CallvaultGateStuck", series={queue("stored"): "1x3 0x1 1x400"}, quiet=(20, 60), fires=(70,)
    ),
    Incident(
        alert="CallvaultErasureStuck", series={queue("erasing"): "1x3 0x1 1x400"}, quiet=(20, 60), fires=(70,)
    ),
    Incident(
        alert="CallvaultRecordingsFailed",
        series={events("recording.failed"): grows(1, 0.5)},
        quiet=(1, 65),
        fires=(3, 50),
    ),
    Incident(
        alert="CallvaultRecordingsMissed",
        series={events("recording.missed"): grows(1, 0.5)},
        quiet=(1, 65),
        fires=(3, 50),
    ),
    Incident(
        alert="CallvaultTampered",
        series={events("recording.tampered"): grows(1, 0.5)},
        quiet=(1, 65),
        fires=(3, 50),
    ),
    Incident(
        alert="CallvaultAudioMissing",
        series={events("recording.missing"): grows(1, 0.5)},
        quiet=(1, 65),
        fires=(3, 50),
    ),
    Incident(
        alert="CallvaultStoreWentBack",
        quiet=(1, 80),
        fires=(2.5, 50),
        series={
            "callvault_store_behind": level(1, 5, after=0),
            "callvault_store_went_back_total": grows(1, 0.5),
        },
    ),
    Incident(alert="CallvaultNobodyWorks", series={LOOKS: "0+1x20 20x200"}, quiet=(5, 18), fires=(22,)),
    Incident(
        alert="CallvaultNobodyWorks", name="workers that are not scraped", series=DOWN, quiet=(4,), fires=(6,)
    ),
    Incident(
        alert="CallvaultWorkFails",
        name="an object store that is gone for eight minutes",
        series={FAILURES: grows(5, 8)},
        quiet=(1, 9, 10, 12, 17, 25),
    ),
    Incident(
        alert="CallvaultWorkFails",
        series={FAILURES: grows(5, 15)},
        quiet=(1, 11, 20),
        fires=(13, 17),
        labels={"work": "manifests"},
    ),
    Incident(
        alert="CallvaultLogBehind",
        series={"callvault_access_log_waiting_seconds": level(31)},
        quiet=(1, 3.5),
        fires=(4.5,),
    ),
    Incident(
        alert="CallvaultLogUnsigned",
        series={"callvault_access_log_unsigned_seconds": level(301)},
        quiet=(1, 6),
        fires=(8,),
    ),
    Incident(
        alert="CallvaultFilesRunOut",
        quiet=(1, 11),
        fires=(13,),
        labels={"instance": "a"},
        series={
            'process_open_fds{job="callvault",instance="a"}': level(900),
            'process_max_fds{job="callvault",instance="a"}': level(1024, good=1024),
        },
    ),
]


def as_test(incident: Incident) -> dict[str, Any]:
    """Return an incident as a test of promtool."""
    (rule,) = (rule for rule in rules() if rule["alert"] == incident.alert)
    summary = rule["annotations"]["summary"]
    for name, value in incident.labels.items():
        summary = summary.replace(f"{{{{ $labels.{name} }}}}", value)
    fired = {
        "exp_labels": {**rule["labels"], **incident.labels},
        "exp_annotations": {**rule["annotations"], "summary": summary},
    }
    moments = sorted([(at, []) for at in incident.quiet] + [(at, [fired]) for at in incident.fires])
    return {
        "name": f"{incident.alert} {incident.name}",
        "interval": _INTERVAL,
        "input_series": [{"series": name, "values": values} for name, values in incident.series.items()],
        "alert_rule_test": [
            {"eval_time": f"{round(at * 60)}s", "alertname": incident.alert, "exp_alerts": alerts}
            for at, alerts in moments
        ],
    }


def test_every_alert_has_an_incident_that_begins_and_one_moment_of_quiet():
    """A rule that is added needs a row above."""
    assert {incident.alert for incident in INCIDENTS if incident.fires} == {rule["alert"] for rule in rules()}
    assert all(incident.quiet for incident in INCIDENTS)


def test_a_rule_that_waits_looks_back_less_than_it_waits():
    """What a window counts goes on for its length: if it is as long as ``for``, a short incident fires after its end.

    Exempt are rules of what is missing, which ends with the first sample, and one that also reads the queue.
    """
    exempt = {"CallvaultNobodyWorks", "CallvaultAvailableLate", "CallvaultGateStuck", "CallvaultErasureStuck"}
    seconds = {"m": 60, "h": 3600}
    for rule in rules():
        windows = [int(n) * seconds[unit] for n, unit in re.findall(r"\[(\d+)([mh])\]", rule["expr"])]
        waits = re.fullmatch(r"(\d+)([mh])", rule.get("for", ""))
        if windows and waits and rule["alert"] not in exempt:
            assert 5 * min(windows) <= int(waits[1]) * seconds[waits[2]], rule["alert"]


def test_promtool_accepts_the_rules():
    """Prometheus' own check of the file."""
    subprocess.run([program("promtool"), "check", "rules", "--lint-fatal", str(ALERTS)], check=True)


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda one: f"{one.alert}-{one.name}".strip("-"))
def test_an_alert_fires_during_its_incident_and_not_after_it(incident: Incident, tmp_path: Path):
    """Quiet before, firing after the rule's duration, quiet again when it is over."""
    alone, file = tmp_path / "rule.yml", tmp_path / "incident.yml"
    # All rules twice a minute, over days of an incident, take 50 times as long.
    rule = [one for one in rules() if one["alert"] == incident.alert]
    alone.write_text(yaml.safe_dump({"groups": [{"name": "alone", "rules": rule}]}))
    content = {"rule_files": [str(alone)], "evaluation_interval": _INTERVAL, "tests": [as_test(incident)]}
    file.write_text(yaml.safe_dump(json.loads(json.dumps(content))))
    done = subprocess.run(
        [program("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
