"""Ed25519 for anchors and commands. The library is loaded when a key is used: a gateway without keys does not pay."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

KEY_BYTES = 32


class BadKey(Exception):  # noqa: N818 - says what the file is
    """A key that cannot be had. The text names file and reason."""


class Signer(Protocol):
    """A private key."""

    public: bytes

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""


class _Ed25519:
    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """See Signer."""
        return self._key.sign(message)


def signer(path: Path) -> Signer:
    """The private key in a file of 64 hex digits. Raises BadKey."""
    try:
        return _Ed25519(_digits(path))
    except ModuleNotFoundError as error:
        raise BadKey(f"{path}: a key needs the package cryptography (pip install 'minegate[sign]')") from error


def public_key(path: Path) -> bytes:
    """The public key in a file of 64 hex digits. Raises BadKey."""
    return _digits(path)


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is that key's on that message; nonsense is not. Raises ModuleNotFoundError."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _digits(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise BadKey(f"{path}: {error.strerror if isinstance(error, OSError) else 'not hex digits'}") from error
    if len(key) != KEY_BYTES:
        raise BadKey(f"{path}: {len(key)} bytes, {KEY_BYTES} expected")
    return key
