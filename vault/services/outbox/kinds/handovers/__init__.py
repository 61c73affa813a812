"""Hand-over of calls: one message for each change of what should stand in a system."""
