"""Where the files of a run are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MODELS = ("base", "sft", "grpo")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run and the places in it."""

    root: Path

    @property
    def page(self) -> Path:
        """The report."""
        return self.root / "index.html"

    @property
    def state(self) -> Path:
        """What is done, from what, and what it cost."""
        return self.root / "run.json"

    @property
    def settings(self) -> Path:
        """The whole configuration, as ``--config`` takes it."""
        return self.root / "config.yaml"

    @property
    def lock(self) -> Path:
        return self.root / ".lock"

    @property
    def replaced(self) -> Path:
        """Earlier results that other settings made."""
        return self.root / "replaced"

    @property
    def dataset(self) -> Path:
        return self.root / "dataset"

    @property
    def audit(self) -> Path:
        """The page of the audit; the JSON file next to it has the same name."""
        return self.root / "audit" / "audit.html"

    @property
    def benchmarks(self) -> Path:
        return self.root / "benchmarks"

    def benchmark_dataset(self, name: str) -> Path:
        """A benchmark as a data set, with gallery and manifest."""
        return self.benchmarks / name

    def benchmark(self, name: str) -> Path:
        """A benchmark in CV-Bench's columns."""
        return self.benchmarks / name / "cv-bench"

    @property
    def sft(self) -> Path:
        return self.root / "sft"

    @property
    def difficulty(self) -> Path:
        """How often the SFT model answers each training question correctly."""
        return self.root / "difficulty" / "difficulty.jsonl"

    @property
    def grpo(self) -> Path:
        return self.root / "grpo"

    @property
    def evaluations(self) -> Path:
        return self.root / "evaluations"

    def results(self, benchmark: str, model: str) -> Path:
        """``results.json`` of a model (``base``, ``sft`` or ``grpo``) on a benchmark."""
        return self.evaluations / benchmark / f"{model}.json"

    def log(self, stage: str) -> Path:
        """Output of a stage's process."""
        return self.root / "logs" / f"{stage}.log"
