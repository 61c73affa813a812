"""Every provider that can be simulated, by its name in connections."""

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
#: Those whose calls documents can steer.
STEERED: Mapping[str, type[SteeredProvider]] = {
    kind.name: kind for kind in (Twilio, Vonage, Texml, Plivo, SignalWire)
}
