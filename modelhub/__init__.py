"""Releases, channels, signing, downloads: the delivery side. ``modelhub.client`` is the phone in Python."""
