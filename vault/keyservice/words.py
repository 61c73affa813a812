"""The error messages about a key service of any kind: one sentence for each failure.

Clients receive them as the detail of a 503, so they contain no key, host or address.
"""

NOT_OURS = "A wrapped key does not open under the root key and its context."
NO_ANSWER = "The key service does not answer."
NOT_UNDERSTOOD = "The key service answers with something that the vault does not understand."
NOT_ALLOWED = "The key service does not let the vault use its key."
NOT_KNOWN = "The key service does not know the key."
DISABLED = "The key is disabled in the key service."
NOT_USABLE = "The key cannot be used: it is pending deletion, or not ready."
OUT_OF_REACH = "The key service cannot reach the key at the moment."
TOO_BUSY = "The key service throttles the vault's requests."
NO_CREDENTIALS = "The vault has no credentials for the key service."


def refused(code: str) -> str:
    """Return the message for an error code of the service that has no sentence of its own."""
    return f"The key service refuses the vault's request ({code})."
