"""The Range header of RFC 9110, section 14: one range of bytes, or the whole."""

import re
from typing import NamedTuple

UNIT = "bytes="
FIRST_TO_LAST = re.compile(r"(\d+)-(\d*)", re.ASCII)
LAST_BYTES = re.compile(r"-(\d+)", re.ASCII)
DIGITS = 18  # more than any file has; also keeps int() from long numbers


class Span(NamedTuple):
    """``length`` bytes from ``start``."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


class Unsatisfiable(Exception):  # noqa: N818 -- the RFC's word
    """The range is well-formed and begins behind the end."""


def read_range(header: str, size: int) -> Span | None:
    """The part asked for, cut at the end; None means the whole: no header, another unit, bad syntax, several ranges.

    Raises Unsatisfiable where no byte of ``size`` is in the range.
    """
    if not header.lower().startswith(UNIT):
        return None
    specs = [spec.strip(" \t") for spec in header[len(UNIT) :].split(",")]
    named = [spec for spec in specs if spec]  # the list rule of RFC 9110 lets empty elements pass
    if len(named) != 1:
        return None
    if match := FIRST_TO_LAST.fullmatch(named[0]):
        return _from_first(match[1], match[2], size)
    if match := LAST_BYTES.fullmatch(named[0]):
        return _from_end(_number(match[1]), size)
    return None


def _from_first(first_text: str, last_text: str, size: int) -> Span | None:
    first = _number(first_text)
    last = _number(last_text) if last_text else size
    if last_text and last < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return Span(first, min(last, size - 1) - first + 1)


def _from_end(length: int, size: int) -> Span:
    if not length or not size:
        raise Unsatisfiable
    length = min(length, size)
    return Span(size - length, length)


def _number(digits: str) -> int:
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= DIGITS else 10**DIGITS
