"""Hand-over of calls to CRMs: the acceptance cases by their numbers, on both databases."""
