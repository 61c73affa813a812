"""A customer of SignalWire."""

from tests.support.sender import FORM, Sender, SimulatedSender, twilio_api_prover


def make_sender() -> Sender:
    """Return a new customer."""
    prover = twilio_api_prover("signing_key", "X-SignalWire-Signature", "X-Twilio-Signature")
    return SimulatedSender("signalwire", prover, media=("RecordingUrl",), content_type=FORM)
