"""Telephony platforms: their signatures, their events, and how their media is fetched."""
