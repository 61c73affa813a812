"""Children that went bad: each mode is one thing that code running inside a child could do.

Started as ``hostile_child.py MODE FD MEMORY`` with the environment of a real child.
"""

import json
import socket
import struct
import sys
import time

from vault.audio.protocol import BLOCK, HEAD, JOB, READ, RENDITION, Kind, frame
from vault.audio.remote import receive, send

GOOD = {
    "container": "wav",
    "codec": "pcm_s16le",
    "channels": 1,
    "sample_rate": 8000,
    "duration": 1.0,
    "claimed_duration": 1.0,
    "errors": 0,
    "peaks": ["A" * 2664 + "AAA="],
    "loudness": ["A" * 1332 + "AA=="],
    "rendition": False,
    "echo": None,
    "keyed_digits": [],
    "silences": [],
}


def description(**changes):
    """Return a DESCRIPTION frame whose fields are sound but for the changes."""
    return frame(Kind.DESCRIPTION, json.dumps(GOOD | changes).encode())


def started(*, rate=8000, channels=1, samples=8000):
    """Return a RENDITION frame."""
    return frame(Kind.RENDITION, RENDITION.pack(rate, channels, samples))


#: What a sound child says, with a rendition: the modes below are this with one thing wrong.
SOUND = started() + frame(Kind.SAMPLES, bytes(16000)) + description(rendition=True)
#: What is wrong by itself, whatever the child does afterwards.
FRAMES = {
    "garbage": b"\xff" * 4096,
    "other-version": HEAD.pack(9, Kind.READ, 4) + READ.pack(0),
    "huge-length": HEAD.pack(1, Kind.SAMPLES, 0xFFFFFFFF),
    "parents-kind": HEAD.pack(1, Kind.DATA, 4) + bytes(4),
    "second-ready": frame(Kind.READY, b""),
    "read-outside": frame(Kind.READ, READ.pack(1_000_000)),
    "read-short": frame(Kind.READ, b"\0"),
    "reason-of-its-own": frame(Kind.UNDECODABLE, b"Call me at 555-0100."),
    "reason-not-ascii": frame(Kind.UNDECODABLE, b"\xff\xfe"),
    "not-json": frame(Kind.DESCRIPTION, b"{"),
    "deep-json": frame(Kind.DESCRIPTION, b"[" * 16000),
    "json-list": frame(Kind.DESCRIPTION, b"[]"),
    "more-fields": description(note="hello"),
    "unknown-codec": description(codec="<script>"),
    "codec-is-list": description(codec=["pcm_s16le"]),
    "unknown-container": description(container="../../etc"),
    "three-channels": description(channels=3, peaks=GOOD["peaks"] * 3, loudness=GOOD["loudness"] * 3),
    "channels-true": description(channels=True),
    "rate-zero": description(sample_rate=0),
    "duration-nan": description(duration=float("nan")),
    "duration-infinite": description(duration=float("inf")),
    "duration-negative": description(duration=-1.0),
    "duration-too-long": description(duration=1e9),
    "duration-huge-integer": frame(Kind.DESCRIPTION, json.dumps(GOOD).encode().replace(b"1.0", b"9" * 5000)),
    "claim-nan": description(claimed_duration=float("nan")),
    "claim-text": description(claimed_duration="long"),
    "errors-negative": description(errors=-1),
    "errors-text": description(errors="none"),
    "peaks-short": description(peaks=["AAAA"]),
    "peaks-missing": description(peaks=[]),
    "peaks-number": description(peaks=5),
    "peaks-not-base64": description(peaks=["!" * 2668]),
    "peaks-upside-down": description(peaks=["fwAA" + GOOD["peaks"][0][4:]]),
    "loudness-short": description(loudness=["AAAA"]),
    "loudness-of-one-more": description(loudness=GOOD["loudness"] * 2),
    "loudness-number": description(loudness=5),
    "echo-of-one-channel": description(echo=[True]),
    "echo-of-too-many": description(echo=[True, True]),
    "digits-of-no-kind": description(keyed_digits=[["pan", 0, 10]]),
    "digits-at-the-end": description(keyed_digits=[["digits", 990, 1001]]),
    "digits-in-disorder": description(keyed_digits=[["digits", 500, 600], ["digits", 100, 200]]),
    "digits-of-no-length": description(keyed_digits=[["digits", 500, 500]]),
    "digits-with-a-number": description(keyed_digits=[["digits", 500, 600, 4111]]),
    "digits-at-a-fraction": description(keyed_digits=[["digits", 500.5, 600]]),
    "silences-in-disorder": description(silences=[[500, 600], [100, 200]]),
    "silences-at-the-end": description(silences=[[990, 1001]]),
    "silences-before-the-beginning": description(silences=[[-1, 10]]),
    "silences-of-no-length": description(silences=[[500, 500]]),
    "silences-at-a-fraction": description(silences=[[500.5, 600]]),
    "silences-with-more": description(silences=[[500, 600, 1]]),
    "silences-too-many": description(silences=[[2 * at, 2 * at + 1] for at in range(201)]),
    "digits-too-many": description(keyed_digits=[["digits", 2 * at, 2 * at + 1] for at in range(101)]),
    "echo-number": description(echo=1),
    "echo-text": description(echo="x"),
    "rendition-not-bool": description(rendition=0),
    "rendition-promised": description(rendition=True),
    "rendition-denied": started(samples=1) + frame(Kind.SAMPLES, bytes(2)) + description(),
    "rendition-unfinished": started() + description(rendition=True),
    "rendition-twice": started() + started(),
    "rendition-other-length": started(samples=1)
    + frame(Kind.SAMPLES, bytes(2))
    + description(rendition=True),
    "rendition-rate": started(rate=96000),
    "rendition-channels": started(channels=9),
    "rendition-empty": started(samples=0),
    "rendition-of-days": started(samples=8000 * 3600 * 24),
    "rendition-over-4-gib": started(rate=48000, channels=2, samples=48000 * 3600 * 12),
    "samples-unannounced": frame(Kind.SAMPLES, bytes(1000)),
    "samples-empty": started() + frame(Kind.SAMPLES, b""),
    "samples-too-many": started(samples=10) + frame(Kind.SAMPLES, bytes(21)),
    "samples-crumbs": started() + frame(Kind.SAMPLES, bytes(2)) * 1000,
    "speech-too-early": frame(Kind.SPEECH, b""),
    "decoded-twice": frame(Kind.DECODED, b"") * 2,
    "decoded-with-words": HEAD.pack(1, Kind.DECODED, 4) + b"text",
    "speech-with-words": HEAD.pack(1, Kind.SPEECH, 4) + b"text",
    "speech-odd": frame(Kind.SAMPLES, bytes(3)),
    "speech-empty": frame(Kind.SAMPLES, b""),
}


def forever(connection, data):
    """Send the same bytes until the parent hangs up."""
    while True:
        connection.sendall(data)


def remember(connection):
    """Put into each rendition what was read in the jobs before it, as a child with a global could."""
    kept = b""
    while True:
        connection.sendall(started())
        connection.sendall(frame(Kind.SAMPLES, kept[:16000].ljust(16000, b"\0")))
        send(connection, Kind.READ, READ.pack(0))
        kept += receive(connection, Kind.DATA)
        connection.sendall(description(rendition=True))
        receive(connection, Kind.JOB)


def behave(mode, connection):
    """Take one job and do the wrong thing."""
    send(connection, Kind.READY, b"")
    JOB.unpack(receive(connection, Kind.JOB))
    match mode:
        case "hang":
            time.sleep(600)
        case "exit":
            sys.exit(0)
        case "half-frame":
            connection.sendall(struct.pack("!BBI", 1, Kind.READ, 4) + b"\0\0")
            time.sleep(600)
        case "reads-forever":
            while True:
                send(connection, Kind.READ, READ.pack(0))
                receive(connection, Kind.DATA)
        case "dribbles":
            while True:
                send(connection, Kind.READ, READ.pack(0))
                receive(connection, Kind.DATA)
                time.sleep(0.1)
        case "never-listens":
            forever(connection, frame(Kind.READ, READ.pack(0)))
        case "endless-samples":
            connection.sendall(started())
            forever(connection, frame(Kind.SAMPLES, bytes(BLOCK)))
        case "remembers":
            remember(connection)
        case "dies-of-audio":
            send(connection, Kind.DECODED, b"")
            sys.exit(1)
        case "endless-speech":
            forever(connection, frame(Kind.SAMPLES, bytes(BLOCK)))
        case _:
            connection.sendall(SOUND if mode == "sound" else FRAMES[mode])
            time.sleep(600)


if __name__ == "__main__":
    if sys.argv[1] == "never-ready":
        time.sleep(600)
    if sys.argv[1] == "exit-before-ready":
        sys.exit(7)
    behave(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
