"""A client of identity's DirectoryService. (Not `identity.py`: the stubs are a package of that name.)"""

import math

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from identity.v1.directory_service_pb2 import (
    DirectoryUser,
    GetUserRequest,
    VerifyTokenRequest,
    VerifyTokenResponse,
)
from identity.v1.directory_service_pb2_grpc import DirectoryServiceStub

from errors import Refused

# Without one gRPC would wait for ever. It leaves identity the time to say what is away behind it.
DEADLINE_SECONDS = 3.0

_CHANNEL_OPTIONS = [
    # Over the replicas behind `dns:///identity:50051`.
    ("grpc.lb_policy_name", "round_robin"),
    # Otherwise up to 2 minutes pass before identity is found again after an outage.
    ("grpc.max_reconnect_backoff_ms", 2_000),
]

_NO_ANSWER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class IdentityClient:
    """Calls identity as one service of the company; for any number of threads.

    Every method raises Refused, with the reason that identity gave.
    """

    def __init__(self, target: str, secret: str) -> None:
        # The network between services is the company's own; elsewhere it is grpc.secure_channel.
        self._channel = grpc.insecure_channel(target, options=_CHANNEL_OPTIONS)
        self._directory = DirectoryServiceStub(self._channel)
        self._authorization = ("authorization", f"Bearer {secret}")

    def get_user(self, user_id: int, request_id: str) -> DirectoryUser:
        """The person of this id, with their accounts and whole phone number."""
        request = GetUserRequest(id=user_id)
        return self._call(self._directory.GetUser, request, request_id).user

    def verify_token(self, access_token: str, request_id: str) -> VerifyTokenResponse:
        """Whom the token speaks for now: notices at once that a login ended or a person is disabled."""
        request = VerifyTokenRequest(access_token=access_token)
        return self._call(self._directory.VerifyToken, request, request_id)

    def close(self) -> None:
        """Ends the calls under way."""
        self._channel.close()

    def _call(self, method: grpc.UnaryUnaryMultiCallable, request, request_id: str):
        metadata = (self._authorization, ("x-request-id", request_id))
        try:
            return method(request, timeout=DEADLINE_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            raise to_refused(error) from error


def to_refused(error: grpc.RpcError) -> Refused:
    """What a gRPC error means; OVERLOADED or INTERNAL where identity itself said nothing."""
    reason: str | None = None
    retry_after_seconds: int | None = None
    for detail in _status(error).details:
        info, retry = ErrorInfo(), RetryInfo()
        if detail.Unpack(info) and info.domain == "identity":
            reason = info.reason
        elif detail.Unpack(retry):
            retry_after_seconds = max(1, math.ceil(retry.retry_delay.ToTimedelta().total_seconds()))
    if reason is not None:
        return Refused(reason, error.details(), retry_after_seconds)
    if error.code() in _NO_ANSWER:
        return Refused("OVERLOADED", "identity does not answer", 1)
    return Refused("INTERNAL", "identity failed")


def _status(error: grpc.RpcError) -> Status:
    """The google.rpc.Status that identity sends beside the code; empty where there is none."""
    trailers = dict(error.trailing_metadata() or ())
    try:
        return Status.FromString(trailers.get("grpc-status-details-bin", b""))
    except DecodeError:
        return Status()
