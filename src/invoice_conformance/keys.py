"""Owns keys: Ed25519 pairs as PEM files, what they sign, and whether a signature is theirs.

It knows octets and no certificate. `cryptography` is imported when it is needed, for it comes with an extra.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from invoice_conformance.canonical import MISSING, NotInstalled, sha256

if TYPE_CHECKING:
    from types import ModuleType

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LARGEST = 64 * 1024
"""Octets of a file that is still looked at for a key."""


class NoKey(ValueError):  # noqa: N818 - it names what the file is
    """A file that holds no key of ours, or cannot be written: one line that says why."""


@dataclass(frozen=True)
class PublicKey:
    """What checks signatures; `id` is the SHA-256 of its DER form (SubjectPublicKeyInfo)."""

    id: str
    pem: bytes
    _key: Ed25519PublicKey

    def signed(self, signature: bytes, octets: bytes) -> bool:
        """Whether the signature over these octets is by the private half of this key."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra

        try:
            self._key.verify(signature, octets)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """What signs; never shown."""

    public: PublicKey
    _key: Ed25519PrivateKey

    def sign(self, octets: bytes) -> bytes:
        """The signature over these octets."""
        return self._key.sign(octets)


def generate(stem: Path) -> tuple[Path, Path]:
    """Make a pair: STEM.key, which only its owner may read, and STEM.pub; NoKey rather than overwrite either."""
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - an extra
        Ed25519PrivateKey,
    )

    private = Path(f"{stem}.key")
    public = Path(f"{stem}.pub")
    for path in (private, public):
        if path.exists() or path.is_symlink():
            raise NoKey(f"{path} is there already, and keys are never overwritten")
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _create(private, secret, 0o600)
    _create(public, _public(key.public_key()).pem, 0o644)
    return private, public


def _create(path: Path, data: bytes, mode: int) -> None:
    """Write a new file, and none that somebody made meanwhile."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
    except FileExistsError:
        raise NoKey(f"{path} is there already, and keys are never overwritten") from None
    except OSError as error:
        raise NoKey(f"{path} cannot be written: {error.strerror}") from None


def private_key(path: Path) -> PrivateKey:
    """The private key in a PEM file; NoKey when there is none, or when others than its owner may read it."""
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - an extra
        Ed25519PrivateKey,
    )

    data = _read(path)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise NoKey(f"{path} can be read by others than its owner; chmod 600 {path}, or make another with keygen")
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        raise NoKey(f"{path} holds no private key in PEM without a password; keygen makes one") from None
    except Exception as error:  # noqa: BLE001 - what else a library says of a stranger's file
        raise NoKey(f"{path} holds no private key: {type(error).__name__}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise NoKey(f"{path} holds a key that is not Ed25519; keygen makes one")
    return PrivateKey(_public(key.public_key()), key)


def public_key(path: Path) -> PublicKey:
    """The public key in a PEM file; NoKey when there is none."""
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - an extra
        Ed25519PublicKey,
    )

    data = _read(path)
    if b"PRIVATE KEY" in data:
        raise NoKey(f"{path} holds a private key; give the public one")
    try:
        key = serialization.load_pem_public_key(data)
    except Exception:  # noqa: BLE001 - whatever a library says of a stranger's file
        raise NoKey(f"{path} holds no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise NoKey(f"{path} holds a key that is not Ed25519")
    return _public(key)


def _public(key: Ed25519PublicKey) -> PublicKey:
    serialization = _serialization()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    der = key.public_bytes(serialization.Encoding.DER, spki)
    return PublicKey(sha256(der), key.public_bytes(serialization.Encoding.PEM, spki), key)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise NoKey(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise NoKey(f"{path} is too large for a key")
    return data


def _serialization() -> ModuleType:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
    except ImportError:
        raise NotInstalled(MISSING) from None
    return serialization
