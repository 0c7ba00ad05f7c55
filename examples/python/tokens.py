"""Verifies people's access tokens offline, by the public keys that the gateway publishes."""

import http.client
import json
import re
import threading
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

import jwt

from errors import Refused

MAX_TOKEN_LENGTH = 4096
CLOCK_TOLERANCE_SECONDS = 30
REQUIRED_CLAIMS = ["iss", "aud", "sub", "id", "username", "openid", "sid", "jti", "iat", "exp"]

# Python's base64 skips what is not of its alphabet, so one token could be written in many ways.
_COMPACT_JWS = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)

_FRESH_SECONDS = 300
_UNKNOWN_KID_SECONDS = 30
_FAILURE_PAUSE_SECONDS = 1
_TIMEOUT_SECONDS = 2
_MAX_JWKS_BYTES = 64 * 1024


@dataclass(frozen=True)
class Claims:
    """What an access token says."""

    user_id: int
    username: str
    app_id: str
    openid: str
    login_session_id: str
    expires_at: int


class TokenVerifier:
    """Takes the tokens of one issuer for one mini program."""

    def __init__(self, jwks_url: str, issuer: str, audience: str) -> None:
        self._keys = _KeySet(jwks_url)
        self._issuer = issuer
        self._audience = audience

    def verify(self, token: str) -> Claims:
        """What the token says. Raises Refused: TOKEN_INVALID, TOKEN_EXPIRED, or OVERLOADED without keys.

        A token is taken until it expires: that its login has ended only VerifyToken tells.
        """
        if len(token) > MAX_TOKEN_LENGTH or not _COMPACT_JWS.fullmatch(token):
            raise Refused("TOKEN_INVALID", "the token is not valid")
        try:
            return _to_claims(self._decode(token))
        except jwt.ExpiredSignatureError as error:
            raise Refused("TOKEN_EXPIRED", "the token has expired") from error
        # PyJWT lets some of Python's own errors through, such as that of a header nested too deep.
        except (jwt.PyJWTError, TypeError, ValueError, RecursionError) as error:
            raise Refused("TOKEN_INVALID", "the token is not valid") from error

    def _decode(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        # Without it, a token that the same keys sign for something else would do as well (RFC 8725).
        if header.get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("another type of token")
        return jwt.decode(
            token,
            self._keys.get_signing_key(header.get("kid")).key,
            algorithms=["ES256"],
            issuer=self._issuer,
            audience=self._audience,
            leeway=CLOCK_TOLERANCE_SECONDS,
            # What is required is checked too: `exp` and that `iat` is not in the future.
            options={"require": REQUIRED_CLAIMS},
        )


def _to_claims(payload: dict[str, Any]) -> Claims:
    user_id = int(payload["sub"])
    if user_id <= 0 or payload["id"] != user_id:
        raise ValueError("no user's id")
    # `aud` too: PyJWT would take a list, and a token of ours is for one mini program.
    texts = [payload[name] for name in ("username", "aud", "openid", "sid")]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a claim that is no text")
    return Claims(user_id, *texts, expires_at=int(payload["exp"]))


class _KeySet(jwt.PyJWKClient):
    """Keeps the keys, which PyJWKClient does, and asks for them with limits, which it does not.

    They are asked for every 5 minutes, or for an unknown kid, at most once in 30 s however many ask.
    Known keys go on serving while the gateway is away.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, lifespan=_FRESH_SECONDS)
        self._lock = threading.Lock()
        self._known: dict[str, Any] | None = None
        self._failure: Exception | None = None
        self._ask_again_at = 0.0

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        try:
            return super().get_signing_key(kid)
        except jwt.PyJWKClientError:
            # It may be a new key that we could not ask for.
            if self._failure is not None:
                raise _no_keys() from self._failure
            raise

    def fetch_data(self) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() >= self._ask_again_at:
                self._ask()
            if self._known is None:
                raise _no_keys() from self._failure
            if self.jwk_set_cache is not None:
                self.jwk_set_cache.put(self._known)
            return self._known

    def _ask(self) -> None:
        pause = _UNKNOWN_KID_SECONDS
        try:
            self._known = _fetch(self.uri)
            self._failure = None
        except (OSError, ValueError, http.client.HTTPException, jwt.PyJWTError) as error:
            self._failure = error
            pause = _FAILURE_PAUSE_SECONDS
        self._ask_again_at = time.monotonic() + pause


def _fetch(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
        body = response.read(_MAX_JWKS_BYTES + 1)
    if len(body) > _MAX_JWKS_BYTES:
        raise ValueError("the key set is too long")
    key_set = json.loads(body)
    if not isinstance(key_set, dict):
        raise ValueError("no key set")
    # Raises where no key of it can be used: better to go on with those that are known.
    jwt.PyJWKSet.from_dict(key_set)
    return key_set


def _no_keys() -> Refused:
    return Refused("OVERLOADED", "the public keys cannot be had", _FAILURE_PAUSE_SECONDS)
