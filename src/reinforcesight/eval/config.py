"""Configuration of ``reinforcesight evaluate``. The function is in ``evaluate.py``, which imports more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.errors import ConfigError
from reinforcesight.model.options import ModelConfig, ModelOptions
from reinforcesight.protocol import Protocol

CV_BENCH = "cv-bench"
# Commit of nyu-visionx/CV-Bench with separate 2D and 3D files.
CV_BENCH_REVISION = "bc284db50d036958861cb60cdd7b77612052ce0d"

# A letter needs few tokens, but a model may write more; reasoning in this project has fewer than 200 tokens.
_MAX_NEW_TOKENS = {Protocol.DIRECT: 128, Protocol.REASON: 512}

# Variants of ``--consistency``: see Variant. The first two need no scene.
CONSISTENCY = ("letters", "swapped", "nouns", "inverse", "mirror", "wording", "colours")
# In --protocols: other pictures, asked under each of the prompts.
_PICTURES = ("blind", "grey")


class VllmConfig(StrictConfig):
    """Arguments of ``vllm.LLM``."""

    tensor_parallel_size: int = Field(1, ge=1, description="Number of GPUs for tensor parallelism")
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1, description="Fraction of each GPU's memory to use")
    max_model_len: int | None = Field(None, ge=1, description="Maximum length of prompt and answer in tokens")
    enforce_eager: bool = Field(False, description="Disable CUDA graphs; slower, but starts faster")


class ServerConfig(StrictConfig):
    """Settings of requests to a server (``--engine openai``)."""

    concurrency: int = Field(8, ge=1, le=256, description="Number of requests sent at the same time")
    attempts: int = Field(6, ge=1, description="Attempts per question when the server is busy or does not answer")
    first_pause: float = Field(
        1.0, ge=0, description="Seconds before the second attempt; doubled for each further attempt"
    )
    timeout: float = Field(300.0, gt=0, description="Seconds to wait for a response")
    key_variable: str = Field("OPENAI_API_KEY", description="Environment variable with the API key")
    extra: dict[str, Any] = Field({}, description="Additional fields of each request, such as chat_template_kwargs")
    price: tuple[float, float] | None = Field(
        None, description="Price per million tokens of prompts and of answers, to report the cost"
    )


class EvaluateConfig(StrictConfig):
    """Settings of ``reinforcesight evaluate``."""

    RENAMED: ClassVar = {"swap_options": "consistency"}

    model_path: str | None = Field(
        None,
        description="Base model, adapter or checkpoint: folder, hub id, or nano (the tiny model in this package)",
    )
    benchmark: str = Field(
        CV_BENCH,
        description="A named benchmark, such as cv-bench, blink or vsr (list: docs/benchmarks.md); NAME=PATH to read a "
        "named benchmark from disk; a folder or file; or owner/name@revision on the hub. Several, separated by commas, "
        "give one table",
    )
    output: Path = Field(
        Path("reports/results.json"), description="Path of results.json; answers and report are written next to it"
    )
    protocol: Protocol = Field(
        Protocol.REASON,
        description="Prompt. reason: ask for reasoning, then the answer; direct: ask for the letter alone",
    )
    protocols: str | None = Field(
        None,
        description="Evaluate with several prompts in one report: direct,reason (see --protocol). Add blind or grey "
        "to ask each prompt without the picture or with a grey one. --output gets the results of the last"
        " prompt; the others are written next to it",
    )
    engine: Literal["transformers", "vllm", "openai", "replay"] = Field("transformers", description="Inference engine")
    base_url: str | None = Field(
        None, description="Address of a server with OpenAI's chat API, for --engine openai: http://host:8000/v1"
    )
    answers: Path | None = Field(None, description="Logged answers (JSON lines), for --engine replay")
    batch_size: int = Field(16, ge=1, description="Questions per batch; halved if memory runs out")
    max_new_tokens: int | None = Field(
        None, ge=1, description="Maximum tokens of an answer [default: direct 128, reason 512]"
    )
    tasks: str | None = Field(
        None, description="Tasks to evaluate: Relation,Depth,Distance,Count or all [default: all but Count]"
    )
    columns: str | None = Field(
        None,
        description="For a file with other column names: CV-Bench's name=the file's name, such as "
        "question=prompt,choices=A+B+C+D,answer=label,task=kind (A+B+C+D: one column per option)",
    )
    split: str = Field("test", description="Split to evaluate, if the benchmark is a data set made by generate")
    limit: int | None = Field(
        None, ge=1, description="Maximum number of questions, spread over the tasks [default: all]"
    )
    blind: bool = Field(False, description="Also evaluate without the picture")
    grey: bool = Field(
        False,
        description="Also evaluate with a plain grey picture and the additional option “cannot be determined”, which "
        "is then the correct answer",
    )
    blind_limit: int | None = Field(
        None,
        ge=1,
        description="Maximum number of questions for --blind and --grey, spread over the tasks [default: all]",
    )
    consistency: str | None = Field(
        None,
        description="Also ask variants of each question and report how often all of them are answered correctly: all, "
        "or some, separated by commas, of " + ",".join(CONSISTENCY),
    )
    baseline: Path | None = Field(
        None, description="results.json of another model, for a paired test on the same questions"
    )
    compare: tuple[Path, ...] = Field(
        (), description="Further results.json files to show in the report; may be repeated"
    )
    training_data: Path | None = Field(
        None,
        description="Data set that the model was trained on; the report says how many benchmark pictures are in it "
        "[default: the one in the model's run record, if it exists here]",
    )
    title: str | None = Field(None, description="Title of this model in the report [default: the model's name]")
    seed: int = Field(0, ge=0, description="Random seed of the bootstrap and of --limit")
    revision: str | None = Field(None, description="Commit, tag or branch of a hub model")
    benchmark_revision: str | None = Field(
        None,
        description="Commit of the benchmark's data set on the hub [default: the pinned commit, or the newest if none"
        " is pinned]",
    )
    gallery: int = Field(120, ge=0, description="Maximum number of wrong and unreadable answers shown in the report")
    report: bool = Field(True, description="Write the HTML and Markdown reports")
    model: ModelOptions = ModelOptions()
    vllm: VllmConfig = VllmConfig()
    server: ServerConfig = ServerConfig()

    @model_validator(mode="after")
    def _engine_has_its_input(self) -> EvaluateConfig:
        # A ConfigError keeps its text, while pydantic would reword a ValueError.
        if self.engine == "replay" and self.answers is None:
            raise ConfigError("the replay engine needs logged answers", where="--engine replay", fix="give --answers")
        if self.engine != "replay" and self.answers is not None:
            raise ConfigError("logged answers are for the replay engine", where="--answers", fix="add --engine replay")
        if self.engine != "replay" and self.model_path is None:
            raise ConfigError("no model is named", where="--model_path", fix="give a folder or a hub id")
        if (self.engine == "openai") != (self.base_url is not None):
            raise ConfigError(
                "--engine openai and --base_url go together", fix="give both, such as http://host:8000/v1"
            )
        if self.output.suffix != ".json":
            raise ConfigError(
                f"the results go into a .json file, not {self.output.suffix or 'one without ending'}",
                where=f"--output {self.output}",
                fix="give a file name that ends in .json",
            )
        return self

    @field_validator("protocols")
    @classmethod
    def _known_protocols(cls, value: str | None) -> str | None:
        names = listed(value)
        prompts = [name for name in names if name not in _PICTURES]
        known = [*(protocol.value for protocol in Protocol), *_PICTURES]
        enough = len(names) > 1 and prompts and len(set(names)) == len(names)
        if value is not None and (not enough or not {*names} <= {*known}):
            raise ValueError(f"expected at least two of {', '.join(known)}, each once, and one of them a prompt")
        return value

    @field_validator("consistency")
    @classmethod
    def _known_variants(cls, value: str | None) -> str | None:
        if value not in (None, "all") and not (listed(value) and {*listed(value)} <= {*CONSISTENCY}):
            raise ValueError(f"expected all, or some of {', '.join(CONSISTENCY)}")
        return value

    def of_each_benchmark(self) -> dict[str, EvaluateConfig]:
        """Return one configuration per benchmark, by the benchmark's short name.

        With several benchmarks, the short name is part of the names of results, baseline and answers.

        Raises:
            ConfigError: A benchmark is named twice, or a baseline has no results of one.
        """
        whole = Path(self.benchmark).exists()
        names = [self.benchmark] if whole else [name.strip() for name in self.benchmark.split(",")]
        keys = [re.sub(r"[^\w-]+", "-", Path(name.partition("=")[0].partition("@")[0]).name) for name in names]
        if len(names) == 1:
            return {keys[0]: self}
        twice = next((key for key in keys if keys.count(key) > 1 or not key), None)
        if twice is not None:
            raise ConfigError(
                f"two benchmarks are called {twice!r}" if twice else "a name is empty",
                where=f"--benchmark {self.benchmark}",
                fix="name each once, with commas between",
            )
        if self.benchmark_revision is not None:
            raise ConfigError("a revision is for one benchmark", where="--benchmark_revision", fix="leave it out")

        def of(path: Path, key: str) -> Path:
            found = path.with_suffix(f".{key}{path.suffix}")
            if not found.exists():
                raise ConfigError(f"no results of {key}", where=str(found), fix="evaluate that model on it too")
            return found

        parts = {}
        for key, name in zip(keys, names, strict=True):
            logged = self.answers and self.answers.with_suffix(f".{key}{self.answers.suffix}")
            parts[key] = self.model_copy(
                update={
                    "benchmark": name,
                    "output": self.output.with_suffix(f".{key}.json"),
                    "title": self.shown_title,
                    "baseline": self.baseline and of(self.baseline, key),
                    "compare": tuple(of(path, key) for path in self.compare),
                    "answers": logged if logged and logged.exists() else self.answers,
                }
            )
        return parts

    def of_each_protocol(self) -> list[EvaluateConfig]:
        """Return one evaluation per prompt, each compared with those before and by default paired with the first."""
        names = listed(self.protocols) or [self.protocol.value]
        pictures = {name: True for name in _PICTURES if name in names}
        names = [name for name in names if name not in pictures]
        outputs = [self.output.with_suffix(f".{name}.json") for name in names[:-1]] + [self.output]
        found: list[EvaluateConfig] = []
        for at, name in enumerate(names):
            others = tuple(outputs[:at])
            changed: dict[str, Any] = {
                "protocol": Protocol(name),
                "protocols": None,
                "output": outputs[at],
                "title": f"{self.shown_title}, {name}" if len(names) > 1 else self.title,
                **pictures,
            }
            sibling = self.baseline and self.baseline.with_suffix(f".{name}.json")
            if outputs[at] != self.output and sibling and sibling.exists():  # baseline with the same protocol
                changed |= {"baseline": sibling, "compare": others}
            elif others and self.baseline is None:
                changed |= {"baseline": others[0], "compare": (*others[1:], *self.compare)}
            elif others:
                changed |= {"compare": (*others, *self.compare)}
            found.append(self.model_copy(update=changed))
        return found

    def model_config_at(self) -> ModelConfig:
        return self.model.at(str(self.model_path)).model_copy(
            update={"revision": self.revision or self.model.revision}
        )

    @property
    def token_limit(self) -> int:
        return self.max_new_tokens or _MAX_NEW_TOKENS[self.protocol]

    @property
    def shown_title(self) -> str:
        return self.title or self.model_path or (self.answers.stem if self.answers else "answers")


def listed(text: str | None) -> list[str]:
    """Return the names in a text, which are separated by commas."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]
