"""Hand-over of calls to CRMs and helpdesks: integrations, and what stands of a recording in the system of one."""
