"""Audio: decode recordings, compute their waveforms, and render WAV files where browsers need one."""
