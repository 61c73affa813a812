"""Pages of hand-over to CRMs and helpdesks: integrations, what stands in their systems, and decisions of people."""
