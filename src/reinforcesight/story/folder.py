"""Paths of the files in a run folder."""

from __future__ import annotations

from pathlib import Path

from reinforcesight.pages.render import RUN_PAGE, RUN_SETTINGS, RUN_STATE

# Name of a model in paths to its title in reports.
MODEL_TITLES = {"base": "Base", "sft": "SFT", "grpo": "GRPO"}


class RunFolder:
    """Paths in the folder of one run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.page = root / RUN_PAGE
        self.state = root / RUN_STATE
        self.settings = root / RUN_SETTINGS  # the whole configuration, as --config takes it
        self.lock = root / ".lock"
        self.replaced = root / "replaced"  # earlier results of other settings
        self.dataset = root / "dataset"
        self.audit = root / "audit" / "audit.html"  # the JSON file next to it has the same name
        self.sft = root / "sft"
        self.difficulty = root / "difficulty" / "difficulty.jsonl"
        self.grpo = root / "grpo"
        self.example = root / "example.png"  # a test picture; its question is in example.txt

    def benchmark_dataset(self, name: str) -> Path:
        """Folder of a benchmark's data set, with gallery and manifest."""
        return self.root / "benchmarks" / name

    def benchmark(self, name: str) -> Path:
        """Folder of a benchmark in CV-Bench's columns."""
        return self.benchmark_dataset(name) / "cv-bench"

    def results(self, benchmark: str, model: str) -> Path:
        """Path of ``results.json`` for a model (``base``, ``sft`` or ``grpo``) on a benchmark."""
        return self.root / "evaluations" / benchmark / f"{model}.json"

    def log(self, stage: str) -> Path:
        return self.root / "logs" / f"{stage}.log"
