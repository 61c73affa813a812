"""Key rotation: new versions of account keys and of the root key."""
