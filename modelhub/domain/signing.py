"""The hub's Ed25519 key, and DSSE envelopes: exact bytes are signed, so no client needs a canonical JSON."""

import base64
import hashlib
import json
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from foundation.problems import Problem

PAYLOAD_TYPE = "application/vnd.daybreak.models+json"
MAKE_ONE = "Make it once with: manage.py make_keys"


class PublicKey(NamedTuple):
    """What clients pin: ``raw`` are the key's 32 bytes; ``keyid`` only hints at which key made a signature."""

    keyid: str
    raw: bytes


def make_keys(path: Path) -> bool:
    """Write a signing key with mode 0600, unless one is there, and name its public half in ``public_file(path)``.

    Returns whether a key was made. Never replaces one, also when two processes try at once.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = _create(path, private)
    _name_public_key(path)
    return made


def public_file(path: Path) -> Path:
    """The file beside the key: one public key a line, base64, the newest last. Web processes read no other."""
    return path.with_name(path.name + ".pub")


def public_keys() -> list[PublicKey]:
    """The keys that clients may pin. Raises Problem ``no-signing-key``."""
    path = public_file(settings.HUB_KEY_FILE)
    try:
        lines = path.read_text(encoding="ascii").split()
    except FileNotFoundError:
        raise _no_key(path) from None
    return [PublicKey(keyid_of(raw), raw) for raw in map(base64.b64decode, lines)]


def sign(payload: bytes) -> bytes:
    """The DSSE envelope around ``payload``, as JSON. Raises Problem ``no-signing-key``."""
    key = _load(settings.HUB_KEY_FILE)
    signature = key.sign(pae(PAYLOAD_TYPE, payload))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": keyid_of(_raw(key)), "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed, type and lengths included."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def keyid_of(raw: bytes) -> str:
    """``ed25519:`` and the first 16 hex digits of the SHA-256 of the 32 public bytes."""
    return f"ed25519:{hashlib.sha256(raw).hexdigest()[:16]}"


def _create(path: Path, data: bytes) -> bool:
    """Write a file that only we can read, whole or not at all; False where it exists."""
    descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)
    except FileExistsError:
        return False
    finally:
        Path(part).unlink()
    return True


def _name_public_key(path: Path) -> None:
    public = public_file(path)
    line = base64.b64encode(_raw(_load(path))).decode()
    known = public.read_text(encoding="ascii").split() if public.exists() else []
    if line not in known:
        part = public.with_name(f".{public.name}.{os.getpid()}")
        part.write_text("\n".join([*known, line]) + "\n", encoding="ascii")
        part.replace(public)


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        raise _no_key(path) from None
    return _read(path, changed)


@lru_cache(maxsize=2)
def _read(path: Path, _changed: int) -> Ed25519PrivateKey:
    """Read once, and again when the file changed."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise Problem(
            "no-signing-key", 503, f"{path} holds a {type(key).__name__}.", allowed="an Ed25519 key as PEM", do=MAKE_ONE
        )
    return key


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _no_key(path: Path) -> Problem:
    return Problem("no-signing-key", 503, f"There is no signing key at {path}.", allowed="an Ed25519 key", do=MAKE_ONE)
