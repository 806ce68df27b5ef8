"""Where everything of a run lies."""

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
        """Held while a run is at work."""
        return self.root / ".lock"

    @property
    def replaced(self) -> Path:
        """Results that other settings made, moved out of the way."""
        return self.root / "replaced"

    @property
    def dataset(self) -> Path:
        """Training set."""
        return self.root / "dataset"

    @property
    def audit(self) -> Path:
        """What the audit of the training set found, for people; a ``.json`` stands beside it."""
        return self.root / "audit" / "audit.html"

    @property
    def benchmarks(self) -> Path:
        """All benchmarks."""
        return self.root / "benchmarks"

    def benchmark_dataset(self, name: str) -> Path:
        """A benchmark as a data set, with gallery and manifest."""
        return self.benchmarks / name

    def benchmark(self, name: str) -> Path:
        """The same in CV-Bench's columns."""
        return self.benchmarks / name / "cv-bench"

    @property
    def sft(self) -> Path:
        """The fine-tuned model with its record."""
        return self.root / "sft"

    @property
    def difficulty(self) -> Path:
        """How often the fine-tuned model gets each training question right."""
        return self.root / "difficulty" / "difficulty.jsonl"

    @property
    def grpo(self) -> Path:
        """The reinforced model with its record."""
        return self.root / "grpo"

    @property
    def evaluations(self) -> Path:
        """Results, answers and a report for each model on each benchmark."""
        return self.root / "evaluations"

    def results(self, benchmark: str, model: str) -> Path:
        """``results.json`` of a model (``base``, ``sft`` or ``grpo``) on a benchmark."""
        return self.evaluations / benchmark / f"{model}.json"

    def log(self, stage: str) -> Path:
        """Everything that a stage printed."""
        return self.root / "logs" / f"{stage}.log"
