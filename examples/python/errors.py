"""Why a request is refused, in the words of identity: the reasons of its README."""

from http import HTTPStatus

# Where it is not the fault of whoever asked us, the answer is 503 where asking again can help, else 502.
_STATUS = {
    "TOKEN_MISSING": HTTPStatus.UNAUTHORIZED,
    "TOKEN_INVALID": HTTPStatus.UNAUTHORIZED,
    "TOKEN_EXPIRED": HTTPStatus.UNAUTHORIZED,
    "TOKEN_REVOKED": HTTPStatus.UNAUTHORIZED,
    "USER_DISABLED": HTTPStatus.FORBIDDEN,
    "USER_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "ROUTE_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "OVERLOADED": HTTPStatus.SERVICE_UNAVAILABLE,
    "STORAGE_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
}


class Refused(Exception):
    """A request that is not done. Decide by ``reason``; the message is for developers."""

    def __init__(self, reason: str, message: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds

    @property
    def status(self) -> HTTPStatus:
        """What to answer over HTTP."""
        return _STATUS.get(self.reason, HTTPStatus.BAD_GATEWAY)
