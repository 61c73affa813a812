"""The registry of providers: one entry for each package below ``vault/telephony/providers/``.

The services, the tests of every provider and the fuzz targets take their lists from here. The simulator has its own
(``vault/simulator/registry.py``), because it shares no code with the adapters.
"""

from typing import Final

from vault.ports.telephony import Provider
from vault.telephony.providers.aircall.adapter import Aircall
from vault.telephony.providers.plivo.adapter import Plivo
from vault.telephony.providers.signalwire.adapter import SignalWire
from vault.telephony.providers.standard_webhooks.adapter import Platform
from vault.telephony.providers.telnyx.adapter import Telnyx
from vault.telephony.providers.twilio.adapter import Twilio
from vault.telephony.providers.vonage.adapter import Vonage

#: The adapter of every supported telephony platform.
PROVIDERS: Final[tuple[Provider, ...]] = (
    Platform(), Aircall(), Twilio(), Vonage(), Telnyx(), Plivo(), SignalWire(),
)  # fmt: skip
