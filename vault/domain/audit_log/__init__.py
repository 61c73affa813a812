"""The access log's events, and the recording histories derived from them."""
