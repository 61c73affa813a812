"""A customer of Twilio."""

from tests.support.sender import FORM, Sender, SimulatedSender, twilio_api_prover


def make_sender() -> Sender:
    """Return a new customer."""
    prover = twilio_api_prover("auth_token", "X-Twilio-Signature")
    return SimulatedSender("twilio", prover, media=("RecordingUrl",), content_type=FORM)
