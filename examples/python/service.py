"""A backend that serves the people of a mini program: whose request is it, and who is that?

GET /orders   verifies the access token offline, then asks identity about the person.
POST /orders  has identity verify the token, for what a disabled person must not do.
"""

import json
import logging
import os
import re
import signal
import sys
import threading
import uuid
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from errors import Refused
from identity_client import IdentityClient
from tokens import TokenVerifier

# How long a client may take to send its request, and so how long an end waits for it.
CLIENT_TIMEOUT_SECONDS = 5

MAX_BODY_BYTES = 8 * 1024

# Where `npm start` has them; None is to be set.
DEFAULTS = {
    "IDENTITY_GRPC_TARGET": "127.0.0.1:50051",
    "JWKS_URL": "http://127.0.0.1:8080/.well-known/jwks.json",
    "TOKEN_ISSUER": "http://127.0.0.1:8080",
    "TOKEN_AUDIENCE": None,
    "CALLER_SECRET": None,
    "LISTEN": "127.0.0.1:8090",
}


class OrdersServer(ThreadingHTTPServer):
    """Knows who asks. What is under way when it is closed gets its answer."""

    daemon_threads = False

    def __init__(
        self, address: tuple[str, int], verifier: TokenVerifier, identity: IdentityClient
    ) -> None:
        super().__init__(address, OrdersHandler)
        self.verifier = verifier
        self.identity = identity


class OrdersHandler(BaseHTTPRequestHandler):
    """One request."""

    server: OrdersServer
    timeout = CLIENT_TIMEOUT_SECONDS

    def do_GET(self) -> None:
        """The orders of whoever asks: reading them is harmless, so the token is verified offline."""
        self._serve(self._list_orders, HTTPStatus.OK)

    def do_POST(self) -> None:
        """Orders something: identity is asked whether the token still holds."""
        # What is ordered plays no part here; left unread, it would have the answer lost.
        length = self.headers.get("content-length", "0")
        if re.fullmatch("[0-9]{1,9}", length):
            self.rfile.read(min(int(length), MAX_BODY_BYTES))
        self._serve(self._place_order, HTTPStatus.CREATED)

    def _list_orders(self, request_id: str) -> dict[str, Any]:
        claims = self.server.verifier.verify(self._token())
        person = self.server.identity.get_user(claims.user_id, request_id)
        return {
            "id": person.user.id,
            "nickname": person.user.nickname,
            "phone": person.phone,
            "disabled": person.user.disabled,
            "accounts": [
                {"appId": account.app_id, "openid": account.openid, "unionid": account.unionid}
                for account in person.accounts
            ],
        }

    def _place_order(self, request_id: str) -> dict[str, Any]:
        verified = self.server.identity.verify_token(self._token(), request_id)
        return {
            "id": verified.user.id,
            "nickname": verified.user.nickname,
            "appId": verified.app_id,
            "openid": verified.openid,
        }

    def _token(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused("TOKEN_MISSING", "there is no token")
        return token.strip()

    def _serve(self, respond: Callable[[str], dict[str, Any]], status: HTTPStatus) -> None:
        # Finds the call in identity's log.
        request_id = str(uuid.uuid4())
        headers = {"x-request-id": request_id}
        try:
            if self.path.partition("?")[0] != "/orders":
                raise Refused("ROUTE_NOT_FOUND", "there are only orders here")
            body = respond(request_id)
        except Refused as refused:
            status = refused.status
            body = {"reason": refused.reason, "message": str(refused), "requestId": request_id}
            if status == HTTPStatus.UNAUTHORIZED:
                headers["www-authenticate"] = "Bearer"
            if refused.retry_after_seconds is not None:
                headers["retry-after"] = str(refused.retry_after_seconds)
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                logging.warning("%s %s", request_id, refused.reason, exc_info=refused)
        self._answer(status, body, headers)

    def _answer(self, status: HTTPStatus, body: dict[str, Any], headers: dict[str, str]) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def read_settings() -> dict[str, str]:
    """From the environment; ends the process where one is missing."""
    settings = {name: os.environ.get(name) or default for name, default in DEFAULTS.items()}
    missing = [name for name, value in settings.items() if value is None]
    if missing:
        print(f"not set: {', '.join(missing)}", file=sys.stderr)
        sys.exit(os.EX_CONFIG)
    return settings


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    settings = read_settings()
    host, _, port = settings["LISTEN"].rpartition(":")
    verifier = TokenVerifier(
        settings["JWKS_URL"], settings["TOKEN_ISSUER"], settings["TOKEN_AUDIENCE"]
    )
    identity = IdentityClient(settings["IDENTITY_GRPC_TARGET"], settings["CALLER_SECRET"])
    with OrdersServer((host, int(port)), verifier, identity) as server:

        def stop(*_: object) -> None:
            # shutdown() waits for serve_forever(), which this thread is in.
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        host, port = server.server_address[:2]
        print(json.dumps({"event": "ready", "addresses": {"http": f"{host}:{port}"}}), flush=True)
        server.serve_forever()
    identity.close()


if __name__ == "__main__":
    main()
