"""Imports point down the story only, and heavy packages are imported only where they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "reinforcesight"

# From the bottom up: a module may import its own layer and those before it.
LAYERS = [
    ("errors",),
    ("config", "protocol"),
    ("scene", "naming", "judge"),
    ("relation_kinds",),
    ("comparison",),
    ("relations",),
    ("data_gen",),
    ("run_record", "training"),
    ("model",),
    ("sft",),
    ("grpo",),
    ("eval",),
    ("export", "doctor"),
    ("story",),
    ("cli",),
    ("__main__",),
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
HEAVY = {"torch", "transformers", "trl", "peft", "accelerate", "ray", "gradio", "vllm", "bitsandbytes"}
# Importing these modules must stay quick, since the command line reads their configuration classes.
LIGHT = [
    "reinforcesight.cli",
    "reinforcesight.judge",
    "reinforcesight.relations",
    "reinforcesight.data_gen.generate_dataset",
    "reinforcesight.data_gen.audit",
    "reinforcesight.data_gen.browse",
    "reinforcesight.eval.config",
    "reinforcesight.sft.config",
    "reinforcesight.grpo.config",
    "reinforcesight.grpo.reward_config",
    "reinforcesight.model.ask",
    "reinforcesight.export",
    "reinforcesight.story.run",
    "reinforcesight.story.worker",
]


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def layer(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    relative = path.relative_to(PACKAGE).with_suffix("")
    own = relative.parts[0]
    if own == "__init__":
        return
    assert own in RANK, f"{own} has no place in the story: add it to LAYERS"
    for module in imported(ast.parse(path.read_text(encoding="utf-8"))):
        if module.startswith("reinforcesight."):
            assert RANK[layer(module)] <= RANK[own], (
                f"{relative} imports {module}, which comes later in the story"
            )


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules(module: str) -> None:
    code = f"import sys, {module}; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_module_loads_code_from_data() -> None:
    banned = {"pickle", "cPickle", "dill", "shelve", "marshal"}
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not banned & {name.split(".")[0] for name in imported(tree)}, path
        calls = {
            n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        assert not calls & {"eval", "exec"}, path


def test_files_stay_readable() -> None:
    lengths = {
        str(p.relative_to(PACKAGE)): len(p.read_text(encoding="utf-8").splitlines()) for p in sources()
    }
    assert {name: n for name, n in lengths.items() if n > 500} == {}
