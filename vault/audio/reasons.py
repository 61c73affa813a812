"""Why bytes are not a recording: the only sentences that an Undecodable may carry.

The describer's child reads hostile bytes and may turn hostile itself, so its words never reach a row
or a log. It names one of these sentences, and its parent refuses any other.
"""

from enum import StrEnum


class Reason(StrEnum):
    """One sentence each, for the row and for people; none holds a byte of the file."""

    EMPTY = "The file is empty."
    TEXT = "The bytes are a web page, an XML document or plain text, not audio."
    UNKNOWN_FORMAT = "The bytes are not in an audio format that the vault reads."
    NO_STREAM = "The file holds no audio stream."
    CODEC = "The audio is coded in a way that the vault does not decode."
    CHANNELS = "The audio has neither one channel nor two."
    SAMPLE_RATE = "The sample rate lies outside 8000 to 48000 Hz."
    NO_SAMPLES = "The file decodes to no sound at all."
    TOO_LONG = "The audio is longer than the vault keeps."
    BROKEN = "The audio data is too damaged to decode."
    #: For a prompt only: a recording is kept as it came.
    DAMAGED = "The audio is damaged, or its end is missing."
