"""The registry of CRM systems: an entry for each system in ``vault/crm/systems/``.

The services and the tests of every system take their lists from here. The simulator has its own, because it shares no
code with the adapters.
"""

from typing import Final

from vault.crm.systems.freshdesk import Freshdesk
from vault.crm.systems.front import Front
from vault.crm.systems.helpscout import HelpScout
from vault.crm.systems.hubspot import HubSpot
from vault.crm.systems.intercom import Intercom
from vault.crm.systems.pipedrive import Pipedrive
from vault.crm.systems.salesforce import Salesforce
from vault.crm.systems.slack import Slack
from vault.crm.systems.webhook import Webhook
from vault.crm.systems.zapier import Zapier
from vault.crm.systems.zendesk import Zendesk
from vault.crm.systems.zoho import Zoho
from vault.ports.crm import CrmSystem

#: The adapter of every system.
SYSTEMS: Final[tuple[CrmSystem, ...]] = (
    HubSpot(),
    Zendesk(),
    Salesforce(),
    Slack(),
    Pipedrive(),
    Intercom(),
    Freshdesk(),
    Zoho(),
    Front(),
    HelpScout(),
    Salesforce(name="desk", title="Desk", attach="case"),
    Zapier(),
    Webhook(),
)
