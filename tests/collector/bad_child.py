"""A child that behaves as a decoder might once a photo has broken it: ``bad_child.py HOW``."""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))
from collector.normaliser import frames

GOOD = {"width": 4, "height": 3, "jpeg_bytes": 4, "look_hash": "0" * 64}
ANSWERS = {
    "lies about sizes": ({**GOOD, "width": 99_999}, b"\xff\xd8ab\xff\xd8cd"),
    "lies about looks": ({**GOOD, "look_hash": "../../etc/passwd"}, b"\xff\xd8ab\xff\xd8cd"),
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
