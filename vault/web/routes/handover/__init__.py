"""Hand-over of calls to CRMs and helpdesks."""
