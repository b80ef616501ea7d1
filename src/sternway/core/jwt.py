"""Tokens of the contract: JSON signed with HS256. What they say is the contract's, `by` and `proof` our own."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sternway.core.access import Role
from sternway.core.errors import Unauthenticated

KEY_BYTES = 32
MAX_LENGTH = 4096

_HEADER = {"alg": "HS256", "typ": "JWT"}


@dataclass(frozen=True, slots=True)
class Claims:
    """Who the bearer is, what they may do, and until when.

    `by` is the user or token it was issued to, if one, and `proof` a keyed hash of what they had themselves.
    """

    user: str
    role: Role
    expires_at: datetime
    by: str = ""
    proof: str = ""


def issue(claims: Claims, key: bytes) -> str:
    """Sign; whole seconds count."""
    content = {"user": claims.user, "role": str(claims.role), "expiresAt": int(claims.expires_at.timestamp())}
    if claims.by:
        content |= {"by": claims.by, "proof": claims.proof}
    signed = f"{_encoded(json.dumps(_HEADER).encode())}.{_encoded(json.dumps(content).encode())}"
    return f"{signed}.{_encoded(_signature(signed, key))}"


def read(text: str, key: bytes, now: datetime) -> Claims:
    """Return what a token says; raises Unauthenticated for one that is not ours, or whose time is over."""
    signed, _, signature = text.rpartition(".")
    try:
        is_ours = len(text) <= MAX_LENGTH and hmac.compare_digest(_decoded(signature), _signature(signed, key))
        if not is_ours:
            raise _refused()
        header, _, content = signed.partition(".")
        if json.loads(_decoded(header)).get("alg") != _HEADER["alg"]:
            raise _refused()
        claims = _claims(json.loads(_decoded(content)))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as exc:
        raise _refused() from exc
    if claims.expires_at <= now:
        raise Unauthenticated("cli token is expired", hint="make another: sternway rack access")
    return claims


def _claims(content: dict[str, Any]) -> Claims:
    expires_at = datetime.fromtimestamp(int(content["expiresAt"]), UTC)
    by, proof = str(content.get("by", "")), str(content.get("proof", ""))
    return Claims(str(content["user"]), Role(content["role"]), expires_at, by, proof)


def _signature(signed: str, key: bytes) -> bytes:
    return hmac.new(key, signed.encode(), hashlib.sha256).digest()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Read base64url without padding; raises ValueError for any letter that does not belong there."""
    if "+" in text or "/" in text or "=" in text:
        raise binascii.Error("not base64url")
    return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)


def _refused() -> Unauthenticated:
    return Unauthenticated("invalid authentication", hint="check the token in RACK_URL")
