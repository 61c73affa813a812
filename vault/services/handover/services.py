"""The services of hand-over, on the page of the whole service."""

from dataclasses import dataclass

from vault.services.handover.authorizations import Authorizations
from vault.services.handover.earlier_calls import EarlierCalls
from vault.services.handover.handovers import Handovers
from vault.services.handover.integrations import Integrations


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HandoverServices:
    """Hand-over of calls to CRMs and helpdesks."""

    #: Activate, show, change, pause and end integrations.
    integrations: Integrations
    #: Let people authorize integrations at their systems.
    authorizations: Authorizations
    #: List, show and decide hand-overs.
    handovers: Handovers
    #: Show what would be handed over, and hand over calls from before.
    earlier_calls: EarlierCalls
