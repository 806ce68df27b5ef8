"""Imports point down the story only, and heavy packages are imported only where they are used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "reinforcesight"

# From the bottom up: a module may import its own layer and those before it. A name with a dot is a part of a package
# that lies lower than the rest of it.
LAYERS = [
    ("errors", "arrays"),
    ("config", "protocol", "devices", "hub"),
    ("jobs",),
    ("scene", "relations.kinds"),
    ("language", "judge"),
    ("relations",),
    ("pictures", "pages"),
    ("data_gen",),
    ("model",),
    ("tuning",),
    ("sft",),
    ("grpo",),
    ("eval",),
    ("export", "demo", "doctor"),
    ("preflight",),
    ("story",),
    ("cli",),
    ("__main__",),
]
# The same within data_gen.
DATA_LAYERS = [
    ("source",),
    ("rendering", "perception", "questions"),
    ("config", "sources"),
    ("vqasynth",),
    ("scanning",),
    ("choosing",),
    ("dataset",),
    ("viewing", "audit", "calibration"),
    ("review",),
    ("pipeline",),
]
HEAVY = {"torch", "transformers", "trl", "peft", "accelerate", "ray", "gradio", "vllm", "bitsandbytes"}
# Importing these modules must stay quick, since the command line reads their configuration classes.
LIGHT = [
    "reinforcesight.cli",
    "reinforcesight.judge",
    "reinforcesight.relations",
    "reinforcesight.data_gen.config",
    "reinforcesight.data_gen.audit.config",
    "reinforcesight.data_gen.viewing.browse",
    "reinforcesight.data_gen.review.config",
    "reinforcesight.eval.config",
    "reinforcesight.sft.config",
    "reinforcesight.grpo.config",
    "reinforcesight.grpo.reward.config",
    "reinforcesight.model.ask",
    "reinforcesight.demo.config",
    "reinforcesight.export.command",
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


def rank(name: str, layers: list[tuple[str, ...]]) -> int | None:
    """The layer of a dotted name: that of the longest entry which it equals or lies below."""
    found = [
        (len(entry), at)
        for at, names in enumerate(layers)
        for entry in names
        if name == entry or name.startswith(f"{entry}.")
    ]
    return max(found)[1] if found else None


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    if own == "__init__":
        return
    for prefix, layers in (("", LAYERS), ("data_gen.", DATA_LAYERS)):
        if not own.startswith(prefix):
            continue
        mine = rank(own.removeprefix(prefix), layers)
        assert mine is not None, f"{own} has no place in the story: add it to the layers"
        for module in imported(ast.parse(path.read_text(encoding="utf-8"))):
            name = module.removeprefix("reinforcesight.")
            if name in (module, own) or not name.startswith(prefix):
                continue
            theirs = rank(name.removeprefix(prefix), layers)
            assert theirs is not None, f"{name} has no place in the story: add it to the layers"
            assert theirs <= mine, f"{own} imports {module}, which comes later in the story"


# Module to distribution, where the names differ.
DISTRIBUTIONS = {"PIL": "pillow", "pydantic_core": "pydantic", "sklearn": "scikit-learn", "yaml": "pyyaml"}
# Not on PyPI, or run only inside the framework that they are exported to.
UNDECLARED = {"vqasynth"}


def test_every_import_is_declared() -> None:
    """A module that only another package brings along may be gone in its next version."""
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    declared = {re.split(r"[^\w-]", entry)[0].replace("-", "_").lower() for entry in entries}
    found: dict[str, str] = {}
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        required = [
            node.args[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "require_module"
            and isinstance(node.args[0], ast.Constant)
        ]
        if not path.relative_to(PACKAGE).as_posix().startswith(SELF_CONTAINED):
            found |= {str(name).partition(".")[0]: str(path) for name in [*imported(tree), *required]}
    names = found.keys() - sys.stdlib_module_names - UNDECLARED - {"reinforcesight"}
    undeclared = {n for n in names if DISTRIBUTIONS.get(n, n).replace("-", "_").lower() not in declared}
    assert {name: found[name] for name in undeclared} == {}


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
        calls = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        assert not calls & {"eval", "exec"}, path


def test_files_stay_readable() -> None:
    lengths = {str(p.relative_to(PACKAGE)): len(p.read_text(encoding="utf-8").splitlines()) for p in sources()}
    assert {name: n for name, n in lengths.items() if n > 500} == {}


# Defined in several modules on purpose: the entry points of programs.
REPEATED_NAMES = {"main"}
# Copied into other frameworks' folders, so these files hold their own settings.
SELF_CONTAINED = "export/exported/"


def test_a_public_name_is_used_once() -> None:
    found: dict[str, list[str]] = {}
    for path in sources():
        module = path.relative_to(PACKAGE).as_posix()
        if module.startswith(SELF_CONTAINED):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names = [node.name]
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            else:
                continue
            for name in names:
                if not name.startswith("_"):
                    found.setdefault(name, []).append(module)
    repeated = {name: modules for name, modules in found.items() if len(modules) > 1}
    assert {n: m for n, m in repeated.items() if n not in REPEATED_NAMES} == {}


def test_a_folder_is_one_subject() -> None:
    """A folder with many files has become a drawer for several subjects."""
    sizes = {
        folder.relative_to(PACKAGE).as_posix(): len([p for p in folder.glob("*.py") if p.stem != "__init__"])
        for folder in {path.parent for path in sources()}
    }
    assert {folder: count for folder, count in sizes.items() if count > 14} == {}
