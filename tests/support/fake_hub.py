"""A hub on this machine that takes repositories and commits, as huggingface_hub sends them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class FakeHub:
    """What was sent: new repositories, and the files of the commits by repository."""

    address: str = ""
    created: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    cards: list[str] = field(default_factory=list)
    refuse_cards: bool = False


@contextmanager
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/api/repos/create":
                made = json.loads(raw)
                hub.created.append(made)
                folder = "datasets/" if made.get("type") == "dataset" else ""
                self.answer({"url": f"{hub.address}/{folder}{made['organization']}/{made['name']}"})
            elif self.path == "/api/validate-yaml":
                hub.cards.append(json.loads(raw)["content"])
                problems = [{"message": "the card is not valid"}] if hub.refuse_cards else []
                self.answer({"errors": problems, "warnings": []}, status=400 if problems else 200)
            elif "/preupload/" in self.path:
                files = [{"path": f["path"], "uploadMode": "regular"} for f in json.loads(raw)["files"]]
                self.answer({"files": [file | {"shouldIgnore": False} for file in files]})
            elif "/commit/" in self.path:
                repository = self.path.removeprefix("/api/").partition("/commit/")[0]
                for line in raw.decode().splitlines():
                    entry = json.loads(line)
                    if entry["key"] == "file":
                        content = base64.b64decode(entry["value"]["content"])
                        hub.files.setdefault(repository, {})[entry["value"]["path"]] = content
                self.answer({"commitUrl": f"{hub.address}/{repository}/commit/1", "commitOid": "1", "hookOutput": ""})
            else:
                self.answer({"error": f"unexpected {self.path}"}, status=404)

        def do_GET(self) -> None:
            self.answer({"error": f"unexpected {self.path}"}, status=404)

        def answer(self, content: Any, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_none")
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
