"""A child that behaves as a decoder might once a photo has broken it: ``bad_child.py HOW``."""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))
from collector.normaliser import frames

MEASURED = {
    **{f"luminance_{percent}": 100 for percent in (5, 50, 95)},
    **dict.fromkeys(("clipped_dark", "clipped_bright"), 0.0),
    "sharpness": 3.5,
    "short_side": 3,
    "long_side": 4,
}
GOOD = {
    "width": 4, "height": 3, "jpeg_bytes": 4, "look_hash": "0" * 64, "look64": -1, "measurements": MEASURED,
}  # fmt: skip
JPEGS = b"\xff\xd8ab\xff\xd8cd"
ANSWERS = {
    "lies about sizes": ({**GOOD, "width": 99_999}, JPEGS),
    "lies about looks": ({**GOOD, "look_hash": "../../etc/passwd"}, JPEGS),
    "lies about bits": ({**GOOD, "look64": 2**63}, JPEGS),
    "measures not a number": ({**GOOD, "measurements": {**MEASURED, "sharpness": float("nan")}}, JPEGS),
    "measures too much": ({**GOOD, "measurements": {**MEASURED, "luminance_50": 256}}, JPEGS),
    "measures a truth": ({**GOOD, "measurements": {**MEASURED, "clipped_dark": True}}, JPEGS),
    "measures what nobody asked": ({**GOOD, "measurements": {**MEASURED, "owner": 1}}, JPEGS),
    "measures in words": ({**GOOD, "measurements": "dark"}, JPEGS),
    "tells the truth": (GOOD, JPEGS),
    "sends a web page": (GOOD, b"<html><script>"),
    "says nothing": ({}, b""),
}


def main(how: str) -> None:
    if how == "never starts":
        sys.exit("no decoder here")
    frames.write(sys.stdout.buffer, {"ready": True, "protections": []})
    frames.read(sys.stdin.buffer)
    if how == "crashes":
        os.abort()
    if how == "burns":
        while True:
            pass
    if how == "sleeps":
        time.sleep(600)
    if how == "floods":
        sys.stdout.buffer.write(b"\xff" * 100)
        sys.stdout.buffer.flush()
        time.sleep(600)
    frames.write(sys.stdout.buffer, *ANSWERS[how])
    time.sleep(600)


if __name__ == "__main__":
    main(sys.argv[1])
