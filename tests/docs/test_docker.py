"""The Dockerfile as far as it can be checked without a container engine."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """Keyword and argument of each instruction, with continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(keyword.upper(), rest.strip()) for keyword, _, rest in found]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Instructions by the name of their stage, in order; those before the first stage under the empty name."""
    found: dict[str, list[tuple[str, str]]] = {"": []}
    name = ""
    for keyword, rest in instructions():
        if keyword == "FROM":
            name = rest.split(" AS ")[1]
            found[name] = []
        found[name].append((keyword, rest))
    return found


IMAGES = [name for name in stages() if name not in {"", "source"}]


def copied() -> list[str]:
    sources: list[str] = []
    for keyword, rest in instructions():
        if keyword == "COPY" and not rest.startswith("--from="):
            sources += shlex.split(rest)[:-1]
    return sources


def test_the_default_is_cuda_and_cpu_is_a_target() -> None:
    assert IMAGES == ["cpu", "gpu"], "the last stage is what `docker build` makes by itself"
    assert "${CUDA_IMAGE}" in stages()["gpu"][0][1]


def test_what_is_copied_exists_and_reaches_the_builder() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    assert "*" in rules
    assert copied()
    for source in copied():
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, rule) for rule in kept), f"{source} is left out by .dockerignore"


def test_bases_are_pinned_by_digest() -> None:
    bases = [rest for keyword, rest in stages()[""] if keyword == "ARG"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"\w+=[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base) for base in bases)


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_as_an_ordinary_user_in_the_mount(name: str) -> None:
    steps = stages()[name]
    users = [rest for keyword, rest in steps if keyword == "USER"]
    assert users
    assert int(users[-1].split(":")[0]) > 0
    assert ("WORKDIR", "/app") in steps
    # A mount on /app would hide what the image had put there.
    assert not any(keyword == "COPY" and rest.split()[-1].startswith("/app") for keyword, rest in steps)
    settings = dict(pair.split("=", 1) for keyword, rest in steps if keyword == "ENV" for pair in shlex.split(rest))
    made = " ".join(rest for keyword, rest in steps if keyword == "RUN" and "install -d -m 1777" in rest)
    assert settings["HOME"] in made, "any user must be able to write there"
    assert settings["HF_HOME"].startswith("/app/")


def test_both_images_have_the_same_settings() -> None:
    first, second = ([rest for keyword, rest in stages()[name] if keyword == "ENV"] for name in IMAGES)
    assert first == second


def test_versions_agree_with_the_lock() -> None:
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    gpu = (ROOT / "requirements-gpu.txt").read_text(encoding="utf-8").splitlines()
    assert "-r requirements.txt" in gpu
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for pin in re.findall(r"\b[a-z]+==\d[\d.]*", text):
        assert pin in lock or pin in gpu, f"{pin} is in the Dockerfile alone"
    # A torchvision goes with one torch: 0.N with 2.(N - 15).
    versions = dict(line.split("==") for line in [*lock, *gpu] if "==" in line)
    torch, vision = (versions[name].split(".")[1] for name in ("torch", "torchvision"))
    assert int(vision) - int(torch) == 15


def test_modules_are_found_when_the_mount_hides_everything(tmp_path: Path) -> None:
    """The documented modules in an empty mount, with the image's search path; the project's root stands for /opt."""
    code = "import data_gen.generate_dataset as a, src.sft.trainer as b; print(a.RECIPE.is_file(), b.RECIPE.is_file())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["True", "True"], done.stderr
