"""``reinforcesight browse``: look through all questions of a data set on a local web page.

Serves only rows of the data set: URLs contain filters and row numbers, never file names.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import Field

from reinforcesight.config import StrictConfig
from reinforcesight.errors import ConfigError
from reinforcesight.jobs.signals import Stopped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reinforcesight.data_gen.dataset.reader import StoredRow

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PAGE_ROWS = 24
_FILTERS = ("relation", "form", "answer", "split")
_SEARCHED = ("id", "question", "source_id")
_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "form-action 'self'"
)


class BrowseConfig(StrictConfig):
    """Settings of the local web page."""

    dataset: Annotated[Path, Field(description="Folder of the data set, as made by generate")]
    port: Annotated[int, Field(ge=0, le=65535, description="Port of the page; 0 takes a free one")] = 8765
    host: Annotated[str, Field(description="Address to listen on; other machines can't reach the default one")] = (
        "127.0.0.1"
    )
    open_browser: Annotated[bool, Field(description="Open the page in the web browser")] = False


def browse(config: BrowseConfig) -> None:
    """Serve a data set until interrupted.

    Raises:
        InputError: The folder holds no data set.
        ConfigError: The address or port can't be used.
    """
    import sys
    import webbrowser

    server = make_server(config)
    address = page_address(server)
    sys.stdout.write(f"{config.dataset}: {address} (stop with Ctrl-C)\n")
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


def page_address(server: ThreadingHTTPServer) -> str:
    """The page's URL."""
    host, port = str(server.server_address[0]), server.server_address[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def make_server(config: BrowseConfig) -> ThreadingHTTPServer:
    """A server that is bound to its port.

    Raises:
        InputError: The folder holds no data set.
        ConfigError: The address or port can't be used.
    """
    pages = DatasetPages(config.dataset)

    class Handler(_Handler):
        dataset_pages = pages
        any_host = config.host not in _LOOPBACK

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    if ":" in config.host:
        import socket

        Server.address_family = socket.AF_INET6
    try:
        return Server((config.host, config.port), Handler)
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"can't listen on {config.host}, port {config.port}: {error}", fix="give another --port or --host"
        ) from error


class DatasetPages:
    """The pages of one data set. Keeps a few values per row; reads rows when it shows them."""

    def __init__(self, dataset: Path) -> None:
        from reinforcesight.data_gen.dataset.reader import RowIndex

        self.title = dataset.resolve().name
        self.index = RowIndex(dataset, (*_FILTERS[:-1], *_SEARCHED))

    def __len__(self) -> int:
        return len(self.index)

    def select(self, query: Mapping[str, str]) -> list[int]:
        """Numbers of the rows that match filters and text."""
        columns = self.index.columns
        indices: Sequence[int] = range(len(self))
        for name in _FILTERS:
            value = query.get(name, "")
            if value:
                indices = [i for i in indices if columns[name][i] == value]
        text = query.get("q", "").strip().casefold()
        if text:
            indices = [i for i in indices if any(text in str(columns[name][i]).casefold() for name in _SEARCHED)]
        return list(indices)

    def overview(self, query: Mapping[str, str]) -> str:
        """The page of cards for a query."""
        from reinforcesight.data_gen.viewing.cards import make_card
        from reinforcesight.pages.render import render_page

        indices = self.select(query)
        last_page = max(0, (len(indices) - 1) // _PAGE_ROWS)
        asked = query.get("page", "0")
        page = min(int(asked) if re.fullmatch(r"\d{1,9}", asked) else 0, last_page)
        shown = indices[page * _PAGE_ROWS : (page + 1) * _PAGE_ROWS]
        problems = list(self.index.problems)
        rows = self.index.read(shown, problems)
        cards = [make_card(stored.row, stored.split, link=f"/row/{index}") for index, stored in rows.items()]

        def link(number: int) -> str | None:
            kept = {name: value for name, value in query.items() if value and name in (*_FILTERS, "q")}
            return f"/?{urlencode({**kept, 'page': number})}" if 0 <= number <= last_page else None

        return render_page(
            "data_gen/viewing/pages/browse.html.j2",
            title=self.title,
            problems=problems,
            filters=[
                (name, sorted(set(map(str, self.index.columns[name]))), query.get(name, "")) for name in _FILTERS
            ],
            query=query.get("q", ""),
            total=len(indices),
            first=page * _PAGE_ROWS + 1,
            last=page * _PAGE_ROWS + len(shown),
            previous=link(page - 1),
            following=link(page + 1),
            cards=cards,
        )

    def detail(self, index: int, stored: StoredRow) -> str:
        """The page of one row with all its columns."""
        from reinforcesight.data_gen.viewing.cards import make_card
        from reinforcesight.pages.render import render_page

        row = stored.row
        raw = [("Prompt", row.prompt), ("Completion", row.completion)]
        for name, text in (("Evidence", row.evidence), ("Scene", row.scene)):
            try:
                raw.append((name, json.dumps(json.loads(text), indent=1, ensure_ascii=False)))
            except ValueError:
                raw.append((name, text))
        card = make_card(row, stored.split, side=1024, quality=88)
        return render_page("data_gen/viewing/pages/row.html.j2", card=card, index=index, where=stored.where, raw=raw)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET requests for the overview, one row, and one picture."""

    dataset_pages: DatasetPages
    any_host: bool
    server_version = "reinforcesight"
    sys_version = ""

    def do_GET(self) -> None:
        """Route a request."""
        if not self._host_is_local():
            self._text(HTTPStatus.FORBIDDEN, "this page answers to local addresses only")
            return
        try:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query, max_num_fields=20).items()}
        except ValueError:
            self._text(HTTPStatus.BAD_REQUEST, "not a valid address")
            return
        if parts.path == "/":
            self._html(self.dataset_pages.overview(query))
            return
        match = re.fullmatch(r"/(row|picture)/(\d{1,12})", parts.path, re.ASCII)
        if match is None or int(match[2]) >= len(self.dataset_pages):
            self._text(HTTPStatus.NOT_FOUND, "no such page")
            return
        self._one(match[1], int(match[2]))

    def _one(self, kind: str, number: int) -> None:
        problems: list[str] = []
        stored = self.dataset_pages.index.read([number], problems).get(number)
        if stored is None:
            self._text(HTTPStatus.INTERNAL_SERVER_ERROR, "\n".join(problems))
        elif kind == "row":
            self._html(self.dataset_pages.detail(number, stored))
        else:
            data = stored.row.image
            mime = next((mime for magic, mime in _MAGIC.items() if data.startswith(magic)), None)
            if mime is None:
                self._text(HTTPStatus.INTERNAL_SERVER_ERROR, f"{stored.where}: neither PNG nor JPEG")
            else:
                self._send(HTTPStatus.OK, mime, data)

    def _host_is_local(self) -> bool:
        """Whether the browser used a local name; prevents DNS rebinding."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        return self.any_host or host in _LOOPBACK

    def _html(self, text: str) -> None:
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", text.encode())

    def _text(self, status: HTTPStatus, text: str) -> None:
        self._send(status, "text/plain; charset=utf-8", f"{text}\n".encode())

    def _send(self, status: HTTPStatus, mime: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", mime)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log no requests."""
