"""The reasons why bytes cannot be decoded: a closed list of sentences for Undecodable.

The describer's child reads untrusted bytes and may be compromised, so text from it must never reach a row
or a log. It sends one of these sentences, and its parent refuses any other.
"""

from enum import StrEnum


class Reason(StrEnum):
    """A sentence for the row and for the user; it never contains bytes of the file."""

    EMPTY = "The file is empty."
    TEXT = "The bytes are a web page, an XML document or plain text, not audio."
    UNKNOWN_FORMAT = "The bytes are not in an audio format that the vault reads."
    NO_STREAM = "The file contains no audio stream."
    CODEC = "The audio codec is not one that the vault decodes."
    CHANNELS = "The audio must have one or two channels."
    SAMPLE_RATE = "The sample rate must be from 8000 to 48000 Hz."
    NO_SAMPLES = "The file contains no audio samples."
    TOO_LONG = "The audio is longer than the vault's maximum duration."
    BROKEN = "The audio data is too damaged to decode."
    #: Only for a prompt: a damaged recording is stored and marked as damaged.
    DAMAGED = "The audio is damaged, or its end is missing."
