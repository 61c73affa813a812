"""A recording's whole way, with the standard library alone: python3 client.py URL API_KEY ACCOUNT AUDIO_FILE."""

import json
import sys
import time
from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

URL, KEY, ACCOUNT, AUDIO = sys.argv[1:5]


def call(method: str, path: str, body: dict | bytes | None = None) -> Any:
    """Send one request to the account and return its JSON or text; stop with the detail of a problem."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    kind = "application/json" if isinstance(body, dict) else "application/octet-stream"
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": kind}
    request = Request(f"{URL}/v1/accounts/{ACCOUNT}{path}", data, headers, method=method)
    try:
        with urlopen(request, timeout=60) as answer:
            content = answer.read()
            return json.loads(content) if "json" in answer.headers["Content-Type"] else content.decode()
    except HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {json.load(error)['detail']}")


def is_proved(leaf: bytes, proof: str) -> bool:
    """Compute the log's root from an entry and its proof (RFC 9162, 2.1.3.2); compare it with the signed one."""
    lines, note = (part.splitlines() for part in proof.split("\n\n")[:2])
    node, last, root = int(lines[1].removeprefix("index ")), int(note[1]) - 1, sha256(b"\0" + leaf).digest()
    for sibling in map(b64decode, lines[2:]):
        root = sha256(b"\1" + (sibling + root if node & 1 or node == last else root + sibling)).digest()
        while node == last and node and not node & 1:
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    return root == b64decode(note[2])


call("PUT", "", {"name": ACCOUNT})
print("switch:", "on" if call("GET", "/recording-switch")["enabled"] else "off")

# The call comes first: the answer says whether it may be recorded, and why.
facts = {"direction": "inbound", "from": "+12025550100", "to": "+12025550199"}
facts["started_at"] = datetime.now(UTC).isoformat()
print("record:", "yes" if call("PUT", "/calls/call-1", facts)["decision"]["record"] else "no")
recording = (
    "/recordings/" + call("PUT", "/calls/call-1/recordings/recording-1", Path(AUDIO).read_bytes())["id"]
)
while call("GET", recording)["state"] in {"received", "transferring", "stored"}:
    time.sleep(0.2)
print("state:", call("GET", recording)["state"])
print("link:", call("POST", recording + "/links", {"listener": "Robin", "expires_in": 900})["url"])

for event in call("GET", "/access-events?recording=" + recording.rpartition("/")[2])["items"]:
    proof = call("GET", f"/access-events/{event['index']}/proof")
    print("event:", event["type"], "proved" if is_proved(b64decode(event["leaf"]), proof) else "NOT PROVED")
