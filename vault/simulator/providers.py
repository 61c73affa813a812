"""The simulated providers, by their names in connections."""

from collections.abc import Mapping

from vault.simulator.aircall import Aircall
from vault.simulator.plivo import Plivo
from vault.simulator.provider import SimulatedProvider
from vault.simulator.signalwire import SignalWire
from vault.simulator.steered_provider import SteeredProvider
from vault.simulator.telnyx import Telnyx
from vault.simulator.texml import Texml
from vault.simulator.twilio import Twilio
from vault.simulator.vonage import Vonage

SIMULATED: Mapping[str, type[SimulatedProvider]] = {
    kind.name: kind for kind in (Aircall, Twilio, Vonage, Telnyx, Plivo, SignalWire)
}
#: The providers that request call documents.
STEERED: Mapping[str, type[SteeredProvider]] = {
    kind.name: kind for kind in (Twilio, Vonage, Texml, Plivo, SignalWire)
}
