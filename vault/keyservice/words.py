"""What the vault says of a key service, whichever it is: one sentence for each way in which it fails.

The sentences reach callers as the detail of a 503, so they name no key, no host and no address.
"""

NOT_OURS = "A wrapped key does not open under the root key and its context."
NO_ANSWER = "The key service does not answer."
NOT_UNDERSTOOD = "The key service answers with something that the vault does not understand."
NOT_ALLOWED = "The key service does not let the vault use its key."
NOT_KNOWN = "The key service does not know the key."
DISABLED = "The key is disabled in the key service."
NOT_USABLE = "The key cannot be used: it is pending deletion, or not ready."
OUT_OF_REACH = "The key service cannot reach the key just now."
TOO_BUSY = "The key service has too much to do."
NO_CREDENTIALS = "The vault has no credentials for the key service."


def refused(code: str) -> str:
    """Say that the service refused with a code of its own, for which there is no sentence."""
    return f"The key service refuses what the vault asks of it ({code})."
