"""The built wheel holds what the commands need, and works in an empty folder without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, as pip would lay it out."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    zipfile.ZipFile(wheel).extractall(site)
    return site


def call(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reinforcesight", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_recipe_and_every_data_file_is_in_the_wheel(installed: Path) -> None:
    recipes = installed / "reinforcesight" / "recipes"
    for path in (ROOT / "configs").rglob("*.yaml"):
        assert (recipes / path.relative_to(ROOT / "configs")).read_bytes() == path.read_bytes()
    package = ROOT / "src" / "reinforcesight"
    for path in package.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert (installed / "reinforcesight" / path.relative_to(package)).is_file(), path


def test_a_recipe_is_found_by_name_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    done = call(
        installed,
        tmp_path,
        *("generate", "--config", "rendered", "--num_samples", "12", "--workers", "1", "--output", "made"),
        *("--set", "picture_size=[128, 96]"),
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "made" / "data").glob("train-*.parquet"))
    assert (tmp_path / "made" / "gallery.html").is_file()


def test_an_unknown_recipe_names_the_shipped_ones(installed: Path, tmp_path: Path) -> None:
    done = call(installed, tmp_path, "run", "--config", "quickstrat")
    assert done.returncode == 2
    assert "no such configuration file" in done.stderr
    assert "quickstart" in done.stderr
