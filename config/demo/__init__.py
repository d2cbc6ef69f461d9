"""The whole loop in one command, on a made-up currency that this folder also draws (see renderer.py)."""
