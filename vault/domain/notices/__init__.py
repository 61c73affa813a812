"""Notices: the texts and the audio that inform parties of a recording."""
