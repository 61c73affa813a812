"""Hand-over of calls to CRM systems: what goes between the vault and an adapter, as values."""
