"""Try a checkpoint's chat template, which is code, in a child process with limits before this process renders it.

jinja2's sandbox protects the machine, but does not stop endless loops and endless texts. The child process runs this
file alone and imports nothing else of the package.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import subprocess
import sys
from typing import Any

MAX_TEMPLATE = 256 << 10  # characters; the templates of Qwen's models have up to 8,000
MAX_RENDERED = 1 << 20  # characters of one conversation
_SECONDS = 3  # CPU time
_WALL_SECONDS = 120  # starting a process may take long on a busy machine
_BYTES = 1 << 30


@functools.lru_cache(maxsize=64)
def check_template(template: str, where: str) -> None:
    """Try a chat template on a short conversation.

    Raises:
        InputError: The template is too long, or takes too much time or memory.
    """
    from reinforcesight.errors import InputError

    problem = f"the chat template has {len(template)} characters, more than {MAX_TEMPLATE}"
    if len(template) <= MAX_TEMPLATE:
        command = [sys.executable, "-P", __file__]
        try:
            tried = subprocess.run(
                command, input=template, capture_output=True, text=True, timeout=_WALL_SECONDS, check=False
            )
            ended = tried.returncode == 0
        except subprocess.TimeoutExpired:
            ended = False
        if ended:
            return
        problem = f"the chat template takes more than {_SECONDS} s or {_BYTES >> 20} MiB for one question"
    raise InputError(problem, where=where, fix="use another model, or the template of its base")


def _conversations() -> list[list[dict[str, Any]]]:
    question = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Where is the cup? (A) left"}]}
    answer = {"role": "assistant", "content": [{"type": "text", "text": "<think>Left.</think><answer>(A)</answer>"}]}
    return [[question], [question, answer], [{"role": "user", "content": "Where is the cup?"}]]


def _render_all(template: str) -> None:
    """Render as transformers does. Ignore errors of the template itself, which transformers reports later."""
    import jinja2
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = lambda value, **_: json.dumps(value)
    environment.globals |= {"raise_exception": refuse, "strftime_now": lambda _: "1 January 2026"}
    # A tag that transformers adds to jinja2, around the assistant's answers.
    text = re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", template)
    for messages in _conversations():
        with contextlib.suppress(jinja2.TemplateError, TypeError, ValueError, KeyError, AttributeError, IndexError):
            length = 0
            for part in environment.from_string(text).generate(messages=messages, add_generation_prompt=True):
                length += len(part)
                if length > MAX_RENDERED:
                    sys.exit(1)


def _limit() -> None:
    import resource

    for kind, limit in ((resource.RLIMIT_CPU, _SECONDS), (resource.RLIMIT_AS, _BYTES)):
        with contextlib.suppress(OSError, ValueError):  # some systems lack one of these limits
            resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    _limit()
    _render_all(sys.stdin.read())
