"""The engine for servers, against a server on this machine: retries, refusals, resuming, and the key."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from eval_samples import bench_rows, write_published

from reinforcesight.cli import run
from reinforcesight.errors import InputError, ReinforceSightError
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.evaluate import evaluate

KEY = "sk-secret-0123456789"


class Server(ThreadingHTTPServer):
    """Answers (A); ``plan`` says what to do with the n-th attempt at a question."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: list[int | str] = []
        self.seen: list[dict[str, Any]] = []
        self.tries: Counter[str] = Counter()
        self.keys: set[str | None] = set()
        self.lock, self.at_once, self.most = threading.Lock(), 0, 0
        self.gate: threading.Barrier | None = None
        self.refuse_at = 0  # number of the request

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.seen.append(body)
            server.keys.add(self.headers.get("Authorization"))
            question = json.dumps(body["messages"])
            attempt = server.tries[question]
            server.tries[question] += 1
            server.at_once += 1
            server.most = max(server.most, server.at_once)
        if server.gate is not None:
            server.gate.wait(timeout=20)
        step = server.plan[attempt] if attempt < len(server.plan) else 200
        if len(server.seen) == server.refuse_at:
            step = 400
        with server.lock:
            server.at_once -= 1
        if step == "drop":
            self.connection.close()
            return
        reply = {
            "choices": [{"message": {"content": "(A)"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2},
        }
        text = b"{not json" if step == "garbage" else json.dumps(reply).encode()
        if isinstance(step, int) and step != 200:
            text = json.dumps({"error": f"refused {self.headers.get('Authorization')}"}).encode()
        self.send_response(step if isinstance(step, int) else 200)
        if step == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def settings(server: Server, folder: Path, options: dict[str, Any] | None = None, **more: Any) -> EvaluateConfig:
    asked = {"first_pause": 0.0, "concurrency": 4, "timeout": 20, **(options or {})}
    return EvaluateConfig(
        model_path="some-model",
        engine="openai",
        base_url=server.url,
        benchmark=str(write_published(folder / "bench", bench_rows(2), "split")),
        output=folder / "out" / "r.json",
        server=asked,
        **more,
    )


def test_answers_come_with_picture_question_and_key(server: Server, tmp_path: Path) -> None:
    config = settings(server, tmp_path, {"price": (2.0, 10.0)}, blind=True, protocol="direct")
    results = evaluate(config)
    n = results.n_scored
    assert n == 8
    assert results.exit_code == 0
    assert results.micro.correct == sum(row["answer"] == "(A)" for row in bench_rows(2) if row["task"] != "Count")
    assert server.keys == {f"Bearer {KEY}"}
    with_picture = [body for body in server.seen if body["messages"][0]["content"][0]["type"] == "image_url"]
    assert len(with_picture) == n
    asked = len(server.seen)
    assert n < asked <= 2 * n, "equal questions without picture are asked once"
    url = with_picture[0]["messages"][0]["content"][0]["image_url"]["url"]
    assert base64.b64decode(url.partition(",")[2]).startswith(b"\x89PNG")
    assert {(b["model"], b["temperature"], b["max_tokens"]) for b in server.seen} == {("some-model", 0, 128)}
    usage = results.run["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["attempts"]) == (10 * asked, 2 * asked, asked)
    assert usage["cost"] == pytest.approx((10 * asked * 2 + 2 * asked * 10) / 1e6)
    for path in (tmp_path / "out").rglob("*"):
        assert KEY not in path.read_text(encoding="utf-8", errors="replace")


def test_questions_are_asked_at_the_same_time(server: Server, tmp_path: Path) -> None:
    server.gate = threading.Barrier(4)  # opens only if four wait together
    assert evaluate(settings(server, tmp_path)).n_scored == 8
    assert server.most == 4


@pytest.mark.parametrize("step", [429, 500, 503, "drop", "garbage"])
def test_a_busy_server_is_asked_again(step: int | str, server: Server, tmp_path: Path) -> None:
    server.plan = [step, step]
    results = evaluate(settings(server, tmp_path))
    assert results.exit_code == 0
    assert set(server.tries.values()) == {3}


def test_a_server_that_stays_away_ends_the_run_and_the_next_one_resumes(server: Server, tmp_path: Path) -> None:
    config = settings(server, tmp_path, {"attempts": 2, "concurrency": 1})
    evaluate(config.model_copy(update={"limit": 3}))
    server.plan = [500, 500]
    with pytest.raises(ReinforceSightError, match=r"after 2 attempts: status 500.*answers so far are kept"):
        evaluate(config)
    server.plan = []
    before = len(server.seen)
    assert evaluate(config).n_scored == 8
    assert len(server.seen) - before == 5, "three were answered before"
    assert evaluate(config).run["new_answers"] == 0


@pytest.mark.parametrize("status", [400, 401, 404, 302])
def test_a_refusal_is_one_line_without_the_key(
    status: int, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.plan = [status] * 9
    config = settings(server, tmp_path)
    arguments = ["evaluate", "--engine", "openai", "--base_url", server.url, "--model_path", "m"]
    assert run([*arguments, "--benchmark", config.benchmark, "--output", str(config.output)]) == 2
    err = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("error: ") for line in err) == 1
    assert f"status {status}" in err[-1]
    assert KEY not in "\n".join(err)


def test_one_refused_question_leaves_the_others(server: Server, tmp_path: Path) -> None:
    server.refuse_at = 3
    results = evaluate(settings(server, tmp_path, {"concurrency": 1}))
    assert results.n_scored == 7
    assert len(results.unanswered) == 1
    assert results.exit_code == 1


def test_addresses_that_are_refused(tmp_path: Path, server: Server) -> None:
    for url in ("file:///etc/passwd", "localhost:8000", f"http://user:{KEY}@host/v1"):
        config = settings(server, tmp_path).model_copy(update={"base_url": url})
        with pytest.raises(ReinforceSightError, match="address") as caught:
            evaluate(config)
        assert KEY not in str(caught.value)
    with pytest.raises(ReinforceSightError, match="go together"):
        EvaluateConfig(model_path="m", engine="openai", output=tmp_path / "r.json")
    assert issubclass(InputError, ReinforceSightError)
