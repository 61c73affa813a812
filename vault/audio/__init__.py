"""Audio: what a recording really is, its waveform, and a rendition where browsers need one."""
