"""The public keys a client pins, and the signature check. What a server says its key is, is never enough."""

import base64
import binascii
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelhub.client.faults import Refused, WrongCall

PAYLOAD_TYPE = "application/vnd.daybreak.models+json"
KEY_BYTES = 32
MAX_SIGNATURES = 16  # each costs a verification; more is nobody's rotation
EXPECTED = "32 bytes as base64, a file with one such key a line, or the saved answer of /models/key"


def read_keys(value: str) -> list[Ed25519PublicKey]:
    """Keys from base64, from a file with one a line (``#`` begins a comment), or from the saved JSON of /models/key.

    Raises WrongCall.
    """
    path = Path(value)
    try:
        text = path.read_text(encoding="utf-8") if _is_file(path) else value
        words = _words(text)
        raws = [base64.b64decode(word, validate=True) for word in words]
    except (binascii.Error, ValueError, KeyError, TypeError, OSError) as error:
        raise WrongCall(f"The key {value[:80]!r} cannot be read ({error}); allowed is {EXPECTED}.") from error
    if not raws or any(len(raw) != KEY_BYTES for raw in raws):
        raise WrongCall(f"The key {value[:80]!r} has the wrong length; allowed is {EXPECTED}.")
    return [Ed25519PublicKey.from_public_bytes(raw) for raw in raws]


def open_envelope(body: bytes, keys: Sequence[Ed25519PublicKey]) -> bytes:
    """The payload of a DSSE envelope that one of ``keys`` signed. Raises Refused.

    ``keyid`` is only a hint that anybody can write, so every key is tried on every signature.
    """
    try:
        envelope: Any = json.loads(body.decode())  # UTF-8 only: json would guess UTF-16 too
        payload_type = envelope["payloadType"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in envelope["signatures"][:MAX_SIGNATURES]]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(f"The answer is not a DSSE envelope: it is cut off or something else ({error}).") from error
    if payload_type != PAYLOAD_TYPE:
        raise Refused(f"The envelope holds {payload_type!r}; expected is {PAYLOAD_TYPE!r}.")
    message = pae(PAYLOAD_TYPE, payload)
    if not any(_is_signed(key, signature, message) for key in keys for signature in signatures):
        raise Refused("No signature of the document is by the key given: it is forged, or the server has another key.")
    return payload


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: exactly the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _is_signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a key is no possible file name
        return False


def _words(text: str) -> list[str]:
    if text.lstrip().startswith("{"):
        return [key["public_key"] for key in json.loads(text)["keys"]]
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]
