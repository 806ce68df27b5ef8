"""Local web server of ``browse`` and ``review``: only this machine's names, time limits, a strict content policy.

A site answers paths and forms; it never gets file names.
"""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
import socket
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any, Protocol
from urllib.parse import parse_qs, urlsplit

from pydantic import Field

from reinforcesight.config import StrictConfig
from reinforcesight.errors import ConfigError, ReinforceSightError
from reinforcesight.jobs.signals import Stopped

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SECONDS = 20.0  # timeout of a connection without traffic
_MOST_BODY = 64 * 1024
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+)(?::\d{1,5})?", re.IGNORECASE | re.ASCII)
_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class ServedConfig(StrictConfig):
    """Host and port of a page."""

    port: Annotated[int, Field(ge=0, le=65535, description="Port of the page; 0: any free port")] = 8765
    host: Annotated[
        str, Field(description="Address to listen on; the default is reachable from this machine only")
    ] = "127.0.0.1"
    open_browser: Annotated[bool, Field(description="Open the page in the default web browser")] = False


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply of a site; ``headers`` are added to the headers of every reply."""

    body: bytes
    mime: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


class Site(Protocol):
    """Pages of a command.

    Attributes:
        nonce: Value on the pages' scripts; the browser runs no other scripts.
    """

    nonce: str

    def get(self, path: str, query: Mapping[str, str]) -> Reply | None:
        """Return the page at a path, or ``None`` if there is none."""

    def post(self, path: str, values: Mapping[str, Any]) -> Reply | None:
        """Carry out a page's request; return ``None`` if the path is unknown."""


def new_nonce() -> str:
    return secrets.token_urlsafe(16)


def html_reply(text: str) -> Reply:
    return Reply(text.encode())


def text_reply(status: HTTPStatus, text: str) -> Reply:
    return Reply(f"{text}\n".encode(), "text/plain; charset=utf-8", status)


def json_reply(value: object) -> Reply:
    return Reply(json.dumps(value).encode(), "application/json")


def picture_reply(data: bytes, where: str) -> Reply:
    """Return a stored picture without changes."""
    mime = next((mime for magic, mime in _MAGIC.items() if data.startswith(magic)), None)
    if mime is None:
        return text_reply(HTTPStatus.INTERNAL_SERVER_ERROR, f"{where}: neither PNG nor JPEG")
    return Reply(data, mime)


def serve(site: Site, config: ServedConfig, title: str) -> None:
    """Serve a site until interrupted; raises :class:`ConfigError` if the address can't be used."""
    server = make_server(site, config)
    host, port = str(server.server_address[0]), server.server_address[1]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    sys.stdout.write(f"{title}: {address} (stop with Ctrl-C)\n")
    if config.host not in _LOOPBACK:
        sys.stdout.write("warning: other machines can reach this page\n")
    sys.stdout.flush()
    if config.open_browser:
        webbrowser.open(address)
    try:
        server.serve_forever()
    except (KeyboardInterrupt, Stopped):
        sys.stdout.write("stopped\n")
    finally:
        server.server_close()


def make_server(site: Site, config: ServedConfig) -> ThreadingHTTPServer:
    """Make a server that is bound to its port; raises :class:`ConfigError` if the address can't be used."""

    class Handler(_Handler):
        served_site = site
        served_host = config.host

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in config.host else socket.AF_INET

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Ignore errors of closed connections."""
            if not isinstance(sys.exception(), ConnectionError | TimeoutError):
                super().handle_error(request, client_address)

    try:
        return Server((config.host, config.port), Handler)
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"can't listen on {config.host}, port {config.port}: {error}", fix="give another --port or --host"
        ) from error


class _Handler(BaseHTTPRequestHandler):
    served_site: Site
    served_host: str
    server_version = "reinforcesight"
    sys_version = ""
    timeout = _SECONDS

    def do_GET(self) -> None:
        if not self._host_is_ours():
            return
        try:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query, max_num_fields=20).items()}
        except ValueError:
            self._send(text_reply(HTTPStatus.BAD_REQUEST, "not a valid address"))
            return
        if parts.path == "/favicon.ico":
            self._send(Reply(b"", status=HTTPStatus.NO_CONTENT))
        else:
            self._answer(lambda: self.served_site.get(parts.path, query))

    def do_POST(self) -> None:
        """Handle a request from a page of this server; other sites can neither send JSON nor forge the origin."""
        if not self._host_is_ours():
            return
        length, origin = self.headers.get("Content-Length", ""), self.headers.get("Origin")
        if self.headers.get_content_type() != "application/json":
            self._send(text_reply(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected application/json"))
        elif origin is not None and origin != f"http://{self.headers['Host']}":
            self._send(text_reply(HTTPStatus.FORBIDDEN, "the request is from a page of another origin"))
        elif re.fullmatch(r"\d{1,7}", length, re.ASCII) is None or int(length) > _MOST_BODY:
            self._send(text_reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {_MOST_BODY} bytes"))
        else:
            try:
                values = json.loads(self.rfile.read(int(length)))
            except TimeoutError:
                self.close_connection = True
                return
            except (ValueError, RecursionError):
                values = None
            if isinstance(values, dict):
                self._answer(lambda: self.served_site.post(urlsplit(self.path).path, values))
            else:
                self._send(text_reply(HTTPStatus.BAD_REQUEST, "expected a JSON object"))

    def _answer(self, ask: Any) -> None:
        try:
            reply = ask() or text_reply(HTTPStatus.NOT_FOUND, "no such page")
        except ReinforceSightError as error:
            reply = text_reply(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        self._send(reply)

    def _host_is_ours(self) -> bool:
        """Return whether the browser used a name of this machine; prevents DNS rebinding. Tunnels change the port."""
        hosts = self.headers.get_all("Host") or []
        match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        name = match[1].strip("[]").lower() if match else ""
        ours = name in (*_LOOPBACK, self.served_host)
        if not ours and self.served_host not in _LOOPBACK:  # a rebound name is neither an IP address nor our host
            ours = name in (socket.gethostname().lower(), socket.getfqdn().lower()) or _is_address(name)
        if not ours:
            self._send(text_reply(HTTPStatus.FORBIDDEN, "this page answers to this machine's own names only"))
        return ours

    def _send(self, reply: Reply) -> None:
        policy = (
            f"default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; connect-src 'self'; "
            f"script-src 'nonce-{self.served_site.nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        headers = {
            "Content-Type": reply.mime,
            "Content-Length": str(len(reply.body)),
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        self.send_response(reply.status)
        for name, value in {**headers, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Log no requests."""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
