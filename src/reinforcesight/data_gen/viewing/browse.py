"""``reinforcesight browse``: look through all questions of a data set on a local web page.

Serves only rows of the data set: URLs contain filters and row numbers, never file names.
"""

from __future__ import annotations

import json
import re
from array import array
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import Field

from reinforcesight.config import StrictConfig
from reinforcesight.errors import ConfigError, InputError
from reinforcesight.jobs.signals import Stopped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reinforcesight.data_gen.dataset.reader import BadRow, StoredRow

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PAGE_ROWS = 24
_FILTERS = ("relation", "form", "split", "answer")
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
    """The pages of one data set. Keeps a few bytes per row; reads rows when it shows them."""

    def __init__(self, dataset: Path) -> None:
        from reinforcesight.data_gen.dataset.reader import find_files, read_columns

        self.title = dataset.resolve().name
        self.files = find_files(dataset)
        self.problems: list[str] = []
        self.values: dict[str, list[str]] = {name: [] for name in _FILTERS}
        self._places = array("l")  # file, group, row of each row, one after the other
        self._codes = {name: array("B") for name in _FILTERS}
        for number, file in enumerate(self.files):
            try:
                for place, (relation, form, answer) in read_columns(file, ("relation", "form", "answer")):
                    self._places.extend((number, place.group, place.row))
                    known = {"relation": relation, "form": form, "answer": answer, "split": file.split}
                    for name, value in known.items():
                        self._codes[name].append(self._code(name, str(value)))
            except InputError as error:
                self.problems.append(str(error))
        # Two threads may search for the same text at once: both results are correct.
        self._matching = lru_cache(maxsize=4)(self._search)

    def __len__(self) -> int:
        return len(self._places) // 3

    def _code(self, name: str, value: str) -> int:
        values = self.values[name]
        if value not in values:
            if len(values) == 255:
                return 255  # broken data: only shown without a filter
            values.append(value)
        return values.index(value)

    def row(self, index: int) -> StoredRow | BadRow:
        """One row with its picture.

        Raises:
            InputError: Its file is damaged.
        """
        return self.rows([index])[0]

    def rows(self, indices: Sequence[int]) -> list[StoredRow | BadRow]:
        """Some rows with their pictures.

        Raises:
            InputError: A file is damaged.
        """
        from reinforcesight.data_gen.dataset.reader import RowPlace, read_rows

        found: dict[int, StoredRow | BadRow] = {}
        wanted: dict[int, list[int]] = {}
        for index in indices:
            wanted.setdefault(self._places[3 * index], []).append(index)
        for number, group in wanted.items():
            places = [RowPlace(self._places[3 * i + 1], self._places[3 * i + 2]) for i in group]
            found |= dict(zip(group, read_rows(self.files[number], places), strict=True))
        return [found[index] for index in indices]

    def select(self, query: Mapping[str, str]) -> list[int]:
        """Numbers of the rows that match filters and text."""
        indices: Sequence[int] = range(len(self))
        for name in _FILTERS:
            value = query.get(name, "")
            if value:
                code = self.values[name].index(value) if value in self.values[name] else None
                codes = self._codes[name]
                indices = [i for i in indices if codes[i] == code]
        text = query.get("q", "").strip().casefold()
        if text:
            matching = self._matching(text)
            indices = [i for i in indices if i in matching]
        return list(indices)

    def _search(self, text: str) -> frozenset[int]:
        """Rows with the text in question, id or source picture."""
        from reinforcesight.data_gen.dataset.reader import read_columns

        found: set[int] = set()
        index = 0
        for file in self.files:
            try:
                for _, values in read_columns(file, ("id", "question", "source_id")):
                    if any(text in str(value).casefold() for value in values):
                        found.add(index)
                    index += 1
            except InputError:
                continue  # already reported on the page; the rows before the damage are in the index
        return frozenset(found)

    def overview(self, query: Mapping[str, str]) -> str:
        """The page of cards for a query."""
        from reinforcesight.data_gen.dataset.reader import StoredRow
        from reinforcesight.data_gen.viewing.cards import make_card
        from reinforcesight.pages.render import render_page

        indices = self.select(query)
        last_page = max(0, (len(indices) - 1) // _PAGE_ROWS)
        asked = query.get("page", "0")
        page = min(int(asked) if re.fullmatch(r"\d{1,9}", asked) else 0, last_page)
        shown = indices[page * _PAGE_ROWS : (page + 1) * _PAGE_ROWS]
        problems = list(self.problems)
        cards = []
        try:
            stored_rows = self.rows(shown)
        except InputError as error:
            stored_rows = []
            problems.append(str(error))
        for index, stored in zip(shown, stored_rows, strict=False):
            if isinstance(stored, StoredRow):
                cards.append(make_card(stored.row, stored.split, link=f"/row/{index}"))
            else:
                problems.append(f"{stored.where}: {stored.problem}")

        def link(number: int) -> str | None:
            kept = {name: value for name, value in query.items() if value and name in (*_FILTERS, "q")}
            return f"/?{urlencode({**kept, 'page': number})}" if 0 <= number <= last_page else None

        return render_page(
            "data_gen/viewing/pages/browse.html.j2",
            title=self.title,
            problems=problems,
            filters=[(name, sorted(self.values[name]), query.get(name, "")) for name in _FILTERS],
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

    def _one(self, kind: str, index: int) -> None:
        from reinforcesight.data_gen.dataset.reader import StoredRow

        try:
            stored = self.dataset_pages.row(index)
        except InputError as error:
            self._text(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
            return
        if not isinstance(stored, StoredRow):
            self._text(HTTPStatus.INTERNAL_SERVER_ERROR, f"{stored.where}: {stored.problem}")
        elif kind == "row":
            self._html(self.dataset_pages.detail(index, stored))
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
