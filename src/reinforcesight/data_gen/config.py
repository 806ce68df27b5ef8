"""Settings and result of ``reinforcesight generate``. This module imports fast, since the command line reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from reinforcesight.config import StrictConfig, readable_path
from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.questions.forms import (
    AXES,
    CVBENCH_TASKS,
    DEFAULT_FORMS,
    Form,
    FormWeight,
    ReasoningStyle,
)
from reinforcesight.data_gen.rendering.config import RenderConfig
from reinforcesight.relations.kinds import Axis, RelationRules, Task

_SHARD = re.compile(r"(\d{1,6})/([1-9]\d{0,5})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Chunks of pictures that one process scans: those whose index modulo ``count`` is ``index``."""

    index: int = 0
    count: int = 1

    def has(self, chunk: int) -> bool:
        return chunk % self.count == self.index


class SplitFractions(StrictConfig):
    """Fraction of the pictures in each split. A split with fraction 0 is left out."""

    train: float = Field(0.9, ge=0)
    validation: float = Field(0.05, ge=0)
    test: float = Field(0.05, ge=0)

    @model_validator(mode="after")
    def _any_split(self) -> SplitFractions:
        if self.train + self.validation + self.test <= 0:
            raise ValueError("at least one split needs a share above zero")
        return self


class GalleryOptions(StrictConfig):
    """Settings of the page ``gallery.html``."""

    samples: int = Field(60, ge=1, description="Number of questions in gallery.html")


class RayOptions(StrictConfig):
    """Settings of ``--engine ray``."""

    RENAMED: ClassVar = {"most_actors": "max_actors"}

    address: str | None = Field(
        None, description="Address of a running Ray cluster: auto or host:port; default: start Ray on this machine"
    )
    cpus_per_actor: float | None = Field(
        None, gt=0, description="CPU cores per Ray actor; default: 1, or less on a small machine"
    )
    gpus_per_actor: float | None = Field(
        None, ge=0, le=8, description="GPUs per Ray actor; default: a third of one if the cluster has GPUs"
    )
    max_actors: int = Field(0, ge=0, description="Maximum number of Ray actors per model; 0: as many as fit")


class GenerateConfig(StrictConfig):
    """Settings of ``reinforcesight generate``."""

    RENAMED: ClassVar = {
        "locate": "reasoning.places",
        "name_letter": "reasoning.letters",
        "plain": "reasoning.fixed_wording",
    }

    source: Literal["rendered", "annotated", "image_folder", "localized_narratives", "vqasynth"] = Field(
        "rendered",
        description="Kind of input: rendered (synthetic scenes, no input), annotated (COCO), image_folder "
        "(photographs), localized_narratives, or vqasynth (output of VQASynth)",
    )
    input: Path | None = Field(
        None, description="Path of the input; for localized_narratives also hub:owner/name; not used by rendered"
    )
    image_root: Path | None = Field(
        None, description="Picture folder for --source annotated; default: the folder of the annotation file"
    )
    box_frame: Literal["turned", "stored"] | None = Field(
        None,
        description="With --source annotated: coordinates of the boxes in photographs with an EXIF orientation. "
        "turned: the upright picture; stored: the pixels as stored; default: detected from sizes and boxes",
    )
    input_checks: Literal["stop", "warn"] = Field(
        "stop",
        description="With --source annotated: stop or warn if the annotations look wrong as a whole, such as boxes "
        "given as corners",
    )
    output: Path = Field(description="Output folder of the data set")
    num_samples: int = Field(10_000, ge=1, description="Number of questions to make")
    seed: int = Field(0, ge=0, description="Random seed; the same seed, input and settings give the same files")
    workers: int = Field(0, ge=0, description="Number of worker processes; 0: one per CPU core")
    engine: Literal["local", "ray"] = Field(
        "local",
        description="local: worker processes on this machine; ray: Ray Data on one or more machines",
    )
    shard: str = Field(
        "0/1",
        description="I/N: scan only every N-th chunk of pictures, starting at chunk I; run it once per I with the "
        "same --output",
    )
    distribution: Literal["train", "held_out", "shifted"] = Field(
        "train",
        description="With --source rendered: scenes for training (train), other scenes of the same kind (held_out), "
        "or with new combinations of objects, colours and cameras (shifted)",
    )
    max_questions_per_picture: int = Field(
        0,
        ge=0,
        le=64,
        description="Maximum number of questions per picture; 0: 4, or up to 20 if there are too few pictures for "
        "--num_samples",
    )
    twins: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Fraction of the questions that come in pairs (twins): the same question about two pictures of "
        "the same objects, with opposite answers; only with --source rendered (docs/twins.md)",
    )
    max_shortcut_share: float = Field(
        0.65,
        gt=0,
        le=1,
        description="Maximum fraction of the Depth questions, and of the Distance questions, that a simple rule such "
        "as 'the lower object is nearer' answers correctly; exceeded if the pictures offer too few other "
        "questions. Below 1, names that suggest the answer are also balanced; 1: no limit",
    )
    rows_per_file: int = Field(500, ge=1, description="Number of questions per Parquet file")
    templates: Path | None = Field(
        None, description="YAML file with question templates; default: the templates of the package"
    )
    overwrite: bool = Field(False, description="Overwrite a data set that was made with other settings")
    keep_work: bool = Field(False, description="Keep the intermediate files in OUTPUT/.work")
    push_to_hub: str | None = Field(None, description="Hub repository owner/name to upload the finished data set to")
    hub_private_repo: bool = Field(True, description="Make a new hub repository private")
    calibration: Path | None = Field(
        None,
        description="calibration.json from reinforcesight calibrate: sets the thresholds for labels from estimated "
        "depth",
    )
    max_label_error: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="With --calibration: maximum fraction of wrong labels about depth or distance (in front or behind, "
        "closer or farther)",
    )
    picture_size: tuple[Annotated[int, Field(ge=64, le=4096)], Annotated[int, Field(ge=64, le=4096)]] = Field(
        (448, 336),
        description="Width and height of rendered pictures in pixels; pass the flag twice: width, then height",
    )
    tasks: dict[Task, float] = Field(
        default_factory=lambda: dict(CVBENCH_TASKS),
        description="Sampling weight of each task (Relation, Depth, Distance); default: their numbers in CV-Bench",
    )
    forms: dict[Form, FormWeight] = Field(
        default_factory=lambda: dict(DEFAULT_FORMS),
        description="Sampling weight of each question form (cvbench, cvbench_boxes, yes_no, which_object, open): one "
        "number for all tasks, or one per task, such as {Depth: 6, Distance: 6}; tasks that are not "
        "listed have weight 0",
    )
    box_colour_words: bool = Field(
        False,
        description="In questions with drawn boxes, also use objects whose name has the colour of a box, such as "
        "'the red ball'; such names are easily confused with the red box",
    )
    reasoning: ReasoningStyle = ReasoningStyle()
    splits: SplitFractions = SplitFractions()
    rules: RelationRules = RelationRules()
    rendering: RenderConfig = RenderConfig()
    perception: PerceptionConfig = PerceptionConfig()
    gallery: GalleryOptions = GalleryOptions()
    ray: RayOptions = RayOptions()

    _readable = field_validator("output")(readable_path)

    @field_validator("forms", mode="before")
    @classmethod
    def _weights(cls, value: object) -> object:
        """Convert a list of forms to equal weights."""
        return dict.fromkeys(value, 1.0) if isinstance(value, list | tuple) else value

    @field_validator("forms")
    @classmethod
    def _some_form(cls, value: dict[Form, FormWeight]) -> dict[Form, FormWeight]:
        weights = [w for of in value.values() for w in (of.values() if isinstance(of, dict) else (of,))]
        if any(not 0 <= weight < 1e6 for weight in weights) or not any(weights):
            raise ValueError("expected weights of at least 0, and at least one above 0")
        return {form: value[form] for form in Form if value.get(form)}

    @field_validator("tasks")
    @classmethod
    def _some_task(cls, value: dict[Task, float]) -> dict[Task, float]:
        if any(not 0 <= weight < 1e6 for weight in value.values()) or not any(value.values()):
            raise ValueError("expected weights of at least 0, and at least one above 0")
        return {task: weight for task, weight in value.items() if weight}

    @field_validator("shard")
    @classmethod
    def _shard_of(cls, value: str) -> str:
        match = _SHARD.fullmatch(value.strip())
        if match is None or int(match[1]) >= int(match[2]):
            raise ValueError("expected I/N with I from 0 to N-1, such as 0/4")
        return value.strip()

    @model_validator(mode="after")
    def _input_fits(self) -> Self:
        if self.source == "rendered" and self.input is not None:
            raise ValueError(
                "the source 'rendered' takes no input; did you mean --source annotated, or configs/rendered.yaml?"
            )
        if self.source != "rendered" and self.input is None:
            raise ValueError(f"the source {self.source!r} needs --input")
        if self.source != "rendered" and self.twins:
            raise ValueError(f"twins are made for the source 'rendered', not for {self.source!r}; use --twins 0")
        if self.calibration is not None and self.source not in ("image_folder", "localized_narratives"):
            raise ValueError(
                f"--calibration is for photographs whose depth is estimated, not for the source {self.source!r}"
            )
        if not self.axis_weights:
            raise ValueError("forms and tasks: no form has a weight above 0 in a task with a weight above 0")
        return self

    @property
    def form_weights(self) -> dict[Axis, dict[Form, float]]:
        """Return the sampling weights of the question forms of each axis, without forms and axes of weight 0."""
        found: dict[Axis, dict[Form, float]] = {}
        for axis in AXES:
            task = axis.relations[0].task
            weights = {
                form: float(weight.get(task, 0) if isinstance(weight, dict) else weight)
                for form, weight in self.forms.items()
            }
            if any(weights.values()):
                found[axis] = {form: weight for form, weight in weights.items() if weight}
        return found

    @property
    def axis_weights(self) -> dict[Axis, float]:
        """Return the sampling weight of each axis; the task Relation has two axes, each with half of its weight."""
        shares = {"Relation": 0.5, "Depth": 1.0, "Distance": 1.0}
        weights = {str(task): weight for task, weight in self.tasks.items()}
        tasks = {axis: axis.relations[0].task for axis in self.form_weights}
        return {axis: weights[task] * shares[task] for axis, task in tasks.items() if weights.get(task)}

    @property
    def own_shard(self) -> Shard:
        index, _, count = self.shard.partition("/")
        return Shard(int(index), int(count))


@dataclass(frozen=True, slots=True)
class GenerateReport:
    """Result of ``reinforcesight generate``.

    States: "finished"; "already_finished": the data set existed; "shard_done": other shards are missing; "stopped":
    after SIGINT or SIGTERM.
    """

    output: Path
    state: Literal["finished", "already_finished", "shard_done", "stopped"]
    rows: dict[str, int] = field(default_factory=dict)  # number of questions by split
    seconds: float = 0.0  # wall-clock time
    exit_code: int = 0
