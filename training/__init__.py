"""Runs, stages, gate, reports. ``training.ml`` is a pure library behind ``training.ml.contract``."""
