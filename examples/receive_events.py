"""Receives events: verifies each, takes it once, and hands them on in their order. Usage: receive_events.py PORT."""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY = base64.b64decode(os.environ["EVENT_SECRET"].removeprefix("whsec_"))
TOLERANCE = 300
known, waiting, done = set(), {}, []  # a real receiver keeps them in its database


def verified(headers, body):
    """Return whether the secret has signed these headers and this body, within the last minutes."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed = hmac.digest(KEY, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    good = b"v1," + base64.b64encode(signed)
    given = headers.get("webhook-signature", "").encode().split(b" ")
    in_time = timestamp.isdecimal() and abs(time.time() - int(timestamp)) < TOLERANCE
    return in_time and any(hmac.compare_digest(one, good) for one in given)


def take(event):
    """Hand on each event once, and after the one before: with the types * no number is missing.

    One that was sent before the very first comes after it, if they were on their way together.
    """
    if event["id"] in known:
        return
    known.add(event["id"])
    if done and event["sequence"] <= done[-1]:
        handle(event)
        return
    waiting[event["sequence"]] = event
    following = done[-1] + 1 if done else event["sequence"]
    while following in waiting:
        done[:] = [following]
        handle(waiting.pop(following))
        following += 1


def handle(event):
    """Do with an event what your system needs."""
    print(event["sequence"], event["type"], event["data"].get("recording", ""), flush=True)


class Receiver(BaseHTTPRequestHandler):
    """Answers 200 to what is verified, and 401 to anything else."""

    def do_POST(self):
        """Take an event."""
        body = self.rfile.read(min(int(self.headers["content-length"]), 20_000))
        good = verified(self.headers, body)
        if good:
            take(json.loads(body))
        self.send_response(200 if good else 401)
        self.end_headers()


HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
