"""The command line: light to start, one line for a user's mistake, flags with _ or -."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from reinforcesight import cli
from reinforcesight.cli import COMMANDS, build_command, run
from reinforcesight.doctor import CORE

ROOT = Path(__file__).parents[1]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert "--config" in out
    assert "--set" in out
    assert f"Example:\n    {COMMANDS[name].example}\n" in out
    _, nano, then = " ".join(out.split()).partition(" nano ")
    assert not nano or then.startswith("(the tiny model in this package)")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_the_help_is_valid(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its flags, recipe and values are accepted; files of the user's own are empty here."""
    monkeypatch.chdir(tmp_path)
    words = shlex.split(COMMANDS[name].example)
    assert words[:2] == ["reinforcesight", name]
    recipe = words[words.index("--config") + 1]
    if recipe.endswith(".yaml"):
        Path(recipe).touch()
    configs = []
    monkeypatch.setattr(cli, "_function", lambda spec: configs.append)
    assert run(words[2:], build_command(name, replace(COMMANDS[name], preflight=None, trl_class=None))) == 0
    assert len(configs) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_flag_is_one_line_and_exit_2(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--no_such_flag", "1"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_key_is_one_line_and_exit_2(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--set", "no_such_key=1"]) == 2
    err = capsys.readouterr().err
    assert "no_such_key" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("flag", ["--num_samples", "--num-samples"])
def test_flags_with_either_sign(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", flag, "many"]) == 2
    assert "num_samples" in capsys.readouterr().err.replace("-", "_")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--json_output"], True),
        (["--no_json_output"], False),
        (["--json_output", "true"], True),
        (["--json_output", "False"], False),
        (["--json-output=no"], False),
        (["--json-output=1"], True),
    ],
)
def test_booleans_take_a_value(flags: list[str], expected: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", *flags]) == 0
    assert capsys.readouterr().out.startswith("{") == expected


def test_a_boolean_with_another_value_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json_output=maybe"]) == 2
    assert "true or false, not 'maybe'" in capsys.readouterr().err


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generat"]) == 2
    assert "generat" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from reinforcesight.cli import run\n"
        "run(['--help'])\n"
        "heavy = {'torch', 'transformers', 'trl', 'datasets', 'numpy', 'pydantic', 'pandas', 'trimesh'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("own", "expected"), [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "passive"}, None)]
)
def test_waiting_threads_spin_shortly_unless_the_user_says_otherwise(
    own: dict[str, str], expected: str | None
) -> None:
    code = "import os; from reinforcesight.cli import run; run(['--version']); print(os.environ.get('GOMP_SPINCOUNT'))"
    outside = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**outside, **own}
    )
    assert done.stdout.splitlines()[-1] == str(expected)


def test_warnings_of_libraries_for_their_developers_are_hidden() -> None:
    code = (
        "import warnings; from reinforcesight.cli import run; run(['--version'])\n"
        "for module in ('transformers.modeling_utils', 'mine'):\n"
        "    warnings.warn_explicit(f'from {module}', FutureWarning, 'file', 1, module=module)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "from mine" in done.stderr
    assert "from transformers" not in done.stderr


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    assert "the core works" in capsys.readouterr().out


def test_doctor_checks_packages_that_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split("[<>=]", entry)[0] for entry in project["dependencies"]}
    assert set(CORE) <= needed


ABSENT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "trl", "peft", "accelerate", "trimesh", "embreex"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from reinforcesight.cli import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["sft", "--dataset", "d", "--output", "o"], "train"),
        (["grpo", "--dataset", "d", "--output", "o"], "train"),
        (["evaluate", "--model_path", "m", "--benchmark", "b"], "train"),
        (["generate", "--output", "o", "--num_samples", "8"], "rendered"),
    ],
)
def test_missing_extras_are_named_with_the_pip_command(arguments: list[str], extra: str, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    row = {"question": "q", "choices": ["a", "b"], "answer": "(A)", "task": "Depth", "filename": "p.png"}
    (tmp_path / "b" / "test.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    Image.new("RGB", (32, 32)).save(tmp_path / "b" / "p.png")
    done = subprocess.run(
        [sys.executable, "-c", ABSENT, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert f'pip install -e "{ROOT}[{extra}]"' in done.stderr
    assert "Traceback" not in done.stderr
