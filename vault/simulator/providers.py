"""Every provider that can be simulated, by its name in connections."""

from collections.abc import Mapping

from vault.simulator.aircall import Aircall
from vault.simulator.plivo import Plivo
from vault.simulator.provider import SimulatedProvider
from vault.simulator.signalwire import SignalWire
from vault.simulator.telnyx import Telnyx
from vault.simulator.twilio import Twilio
from vault.simulator.vonage import Vonage

SIMULATED: Mapping[str, type[SimulatedProvider]] = {
    kind.name: kind for kind in (Aircall, Twilio, Vonage, Telnyx, Plivo, SignalWire)
}
