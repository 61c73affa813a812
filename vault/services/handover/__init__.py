"""Hand-over of calls to CRMs and helpdesks, their changes and removal."""
