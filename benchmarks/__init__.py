"""Side-by-side measurements. ``python -m benchmarks AREA`` prints one JSON line a measurement."""
