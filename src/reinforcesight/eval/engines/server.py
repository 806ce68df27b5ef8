"""The engine for servers with OpenAI's chat API: vLLM, SGLang, llama.cpp, hosted models.

Requests use only the standard library. The API key is read from the environment and never written to a file.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from reinforcesight.errors import ConfigError, InputError, ReinforceSightError
from reinforcesight.eval.answers import Response
from reinforcesight.eval.config import ServerConfig
from reinforcesight.eval.engines.base import Decoding
from reinforcesight.eval.items import Request
from reinforcesight.jobs.files import json_hash
from reinforcesight.pictures.decode import decode_rgb, opened

_log = logging.getLogger(__name__)

_AGAIN = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_LONGEST_PAUSE = 60.0  # seconds between two attempts
_LONGEST_REASON = 200


class _Refused(Exception):  # noqa: N818  (not an error: it says that one question has no answer)
    """The server refuses one request."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, which would send the key to another server."""

    def redirect_request(self, *_: Any) -> None:
        return None


class ServerEngine:
    """Asks a server several questions at a time; retries if it is busy or the connection breaks."""

    name = "openai"
    by_id = False

    def __init__(self, base_url: str, model: str, options: ServerConfig, decoding: Decoding) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                "not a server's address", where=f"--base_url {base_url}", fix="such as http://host:8000/v1"
            )
        if parts.username or parts.password or parts.query:
            raise ConfigError(
                "the address holds more than a host and a path",
                where="--base_url",
                fix=f"put the key into the environment variable {options.key_variable}",
            )
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._model, self._options, self._decoding = model, options, decoding
        self._key = os.environ.get(options.key_variable, "")
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._lock = threading.Lock()
        self._answered = 0
        self.usage = {"prompt_tokens": 0, "completion_tokens": 0, "attempts": 0}
        self.description: dict[str, Any] = {"model_path": model, "base_url": base_url}
        self.identity = json_hash(["openai", base_url.rstrip("/"), model, options.extra])

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | None]]:
        """Yield responses as they arrive. A question that the server refuses has no answer."""
        waiting = iter(range(len(requests)))
        running: dict[Future[Response | None], int] = {}
        pool = ThreadPoolExecutor(max_workers=self._options.concurrency)
        try:
            while True:
                for index in waiting:
                    running[pool.submit(self._ask, requests[index])] = index
                    if len(running) >= self._options.concurrency:
                        break
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    index = running.pop(future)
                    try:
                        yield index, future.result()
                    except _Refused as refused:
                        _log.warning("%s has no answer: %s", requests[index].item.id, refused)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, request: Request) -> Response | None:
        """Return the server's answer; None if the picture can't be read."""
        content: list[dict[str, Any]] = []
        try:
            shown = request.picture
            if shown is not None:
                decode_rgb(shown)
                with opened(shown) as picture:
                    kind = (picture.format or "png").lower()
                data = base64.b64encode(shown).decode()
                content.append({"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{data}"}})
        except InputError:
            return None
        content.append({"type": "text", "text": request.text})
        answer = self._post(
            {
                "model": self._model,
                "messages": [{"role": "user", "content": content}],
                "temperature": 0,
                "max_tokens": self._decoding.max_new_tokens,
                "seed": self._decoding.seed,
                **self._options.extra,
            }
        )
        return self._read(answer)

    def _read(self, answer: Mapping[str, Any]) -> Response:
        choice = answer["choices"][0]
        message = choice["message"]
        # Keys under which servers return the reasoning if they separate it from the answer.
        reasoning = message.get("reasoning_content") or message.get("reasoning")
        text = message.get("content") or ""
        usage = answer.get("usage") or {}
        with self._lock:
            self._answered += 1
            for name in ("prompt_tokens", "completion_tokens"):
                self.usage[name] += int(usage.get(name) or 0)
        return Response(
            f"<think>{reasoning}</think>{text}" if reasoning else text,
            truncated=choice.get("finish_reason") == "length",
            tokens=usage.get("completion_tokens"),
        )

    def _post(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a request; retry after pauses that double, until it succeeds or no attempt is left."""
        headers = {"Content-Type": "application/json", "User-Agent": "reinforcesight"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = json.dumps(body).encode()
        reason, pause = "", self._options.first_pause
        for attempt in range(self._options.attempts):
            if attempt:
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, _LONGEST_PAUSE)
            with self._lock:
                self.usage["attempts"] += 1
            try:
                sent = urllib.request.Request(self._url, data, headers)
                with self._opener.open(sent, timeout=self._options.timeout) as reply:
                    answer: dict[str, Any] = json.loads(reply.read())
                answer["choices"][0]["message"]["content"]
            except urllib.error.HTTPError as error:
                reason = f"status {error.code}: {self._reason(error)}"
                if error.code not in _AGAIN and error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise self._refusal(error.code, reason) from None
                pause = max(pause, _asked_pause(error))
            except (OSError, HTTPException, ValueError, KeyError, IndexError, TypeError) as error:
                reason = f"{type(error).__name__}: {error}"
            else:
                return answer
        raise ReinforceSightError(
            f"the server does not answer after {self._options.attempts} attempts: {reason[:_LONGEST_REASON]}",
            where=self._url,
            fix="run the same command again when it does; answers so far are kept",
        )

    def _refusal(self, status: int, reason: str) -> Exception:
        """Return an error for the user, or one for this question alone if the server has answered others."""
        everything = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
        if self._answered and not everything:
            return _Refused(reason)
        return InputError(
            f"the server refuses the request ({reason})",
            where=self._url,
            fix=f"check --base_url, --model_path and the environment variable {self._options.key_variable}",
        )

    def _reason(self, error: urllib.error.HTTPError) -> str:
        try:
            text = error.read(2000).decode("utf-8", "replace")
        except (OSError, HTTPException):
            text = str(error.reason)
        text = " ".join(text.split())[:_LONGEST_REASON]
        # Some servers repeat the key that they refuse.
        return text.replace(self._key, "…") if self._key else text


def _asked_pause(error: urllib.error.HTTPError) -> float:
    """Return the seconds for which the server asks to wait."""
    try:
        return min(float(error.headers.get("Retry-After", 0)), _LONGEST_PAUSE)
    except ValueError:
        return 0.0
