"""Notices: the texts and the audio that tell parties of a recording."""
