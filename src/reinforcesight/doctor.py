"""``reinforcesight doctor``: check Python, packages and devices, and print the pip command for each missing extra."""

from __future__ import annotations

import json
import platform
import shutil
from dataclasses import asdict, dataclass, field
from importlib import util
from pathlib import Path

import click
from pydantic import Field

from reinforcesight import __version__
from reinforcesight.config import StrictConfig, find_recipe, load_config, read_yaml
from reinforcesight.errors import install_command
from reinforcesight.jobs.environment import version_of
from reinforcesight.jobs.pool import default_workers

# Extra -> (purpose, packages; a module has the name of its package).
EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "rendered": ("rendered scenes", ("trimesh", "embreex")),
    "train": (
        "fine-tuning and evaluation with transformers",
        ("torch", "transformers", "trl", "peft", "accelerate"),
    ),
    "quantization": ("8-bit and 4-bit models", ("bitsandbytes",)),
    "gpu": ("perception models and exported processors", ("torchvision",)),
    "vllm": ("fast generation on a GPU", ("vllm",)),
    "ray": ("generate on several machines", ("ray",)),
    "demo": ("the demo page", ("gradio",)),
    "heic": ("HEIC photographs", ("pillow_heif",)),
    "trackers": ("training curves while a run goes on", ("trackio",)),
}
CORE = (
    *("datasets", "imagehash", "inflect", "numpy", "pillow", "pyarrow", "pycocotools", "pydantic"),
    *("scikit-learn", "scipy"),
)


class DoctorConfig(StrictConfig):
    """Settings of ``reinforcesight doctor``."""

    json_output: bool = Field(False, description="Print JSON instead of text")
    plan: Path | None = Field(
        None,
        description="Estimate the GPU memory of a training recipe (sft, grpo or run) instead, without loading a model",
    )
    base: str | None = Field(None, description="With --plan: base model to plan for, instead of the recipe's")


@dataclass(slots=True)
class Diagnosis:
    """Python, packages and devices of this machine."""

    reinforcesight: str
    python: str
    system: str
    cores: int
    memory_gib: float
    free_disk_gib: float
    packages: dict[str, str | None] = field(default_factory=dict)  # name to version; None: not installed
    missing: dict[str, str] = field(default_factory=dict)  # extra to its pip command
    devices: list[str] = field(default_factory=list)  # a line for each accelerator
    problems: list[str] = field(default_factory=list)  # reasons why the core does not work

    @property
    def exit_code(self) -> int:
        """1 if the core installation is broken, else 0; a missing extra is not a failure."""
        return 1 if self.problems else 0


def diagnose() -> Diagnosis:
    import psutil

    found = Diagnosis(
        reinforcesight=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cores=default_workers(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        free_disk_gib=round(shutil.disk_usage(Path.cwd()).free / 2**30, 1),
    )
    for name in CORE:
        found.packages[name] = version_of(name)
        if found.packages[name] is None:
            found.problems.append(f"the core package {name} is missing: pip install reinforcesight")
    for extra, (_, parts) in EXTRAS.items():
        found.packages |= {name: version_of(name) for name in parts}
        if any(util.find_spec(name) is None for name in parts):
            found.missing[extra] = install_command(extra)
    if util.find_spec("torch") is not None:
        found.devices = _devices()
    return found


def _devices() -> list[str]:
    import torch

    lines = []
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        half = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        lines.append(f"cuda:{index} {device.name}, {device.total_memory / 2**30:.0f} GiB, {half}")
    if torch.backends.mps.is_available():
        lines.append("mps (Apple GPU)")
    return lines


def doctor(config: DoctorConfig) -> Diagnosis:
    found = diagnose()
    if config.plan is not None:
        show_plan(config.plan, config.base)
        return found
    if config.json_output:
        click.echo(json.dumps(asdict(found), indent=2))
        return found
    click.echo(f"reinforcesight {found.reinforcesight}, Python {found.python}, {found.system}")
    click.echo(f"{found.cores} cores, {found.memory_gib} GiB memory, {found.free_disk_gib} GiB free disk here")
    click.echo("devices: " + ("; ".join(found.devices) or "no accelerator, CPU only"))
    click.echo("packages:")
    for name, version in found.packages.items():
        click.echo(f"  {name:<16} {version or '-'}")
    for extra, command in found.missing.items():
        click.echo(f"not installed, needed for {EXTRAS[extra][0]}: {command}")
    for problem in found.problems:
        click.echo(f"problem: {problem}", err=True)
    if not found.problems:
        click.echo("the core works")
    return found


# GPUs to compare a plan with if this machine has none.
_USUAL_GPUS = {"24 GB": 24e9, "40 GB": 40e9, "48 GB": 48e9, "80 GB": 80e9}
_OF_GRPO = {"rewards", "difficulty", "groups", "permute_options", "resample_rounds"}


def show_plan(recipe: Path, base: str | None) -> None:
    """Print an estimate of the memory per GPU for each training of a recipe."""
    import torch

    from reinforcesight.grpo.config import GrpoConfig
    from reinforcesight.sft.config import SftConfig
    from reinforcesight.tuning.memory.plan import plan_memory

    values = read_yaml(find_recipe(recipe))
    sections = {name: values[name] for name in ("sft", "grpo") if name in values}
    devices = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    gpus = {f"{device.name}": float(device.total_memory) for device in devices} or _USUAL_GPUS
    for stage, section in (sections or {"grpo" if _OF_GRPO & values.keys() else "sft": values}).items():
        kind = GrpoConfig if stage == "grpo" else SftConfig
        # In a recipe for `run`, the run sets the data set and start model of each stage.
        start = {"model_path": values["sft"]["model_path"]} if stage == "grpo" and sections.get("sft") else {}
        plan = plan_memory(load_config(kind, flags={"dataset": "none", **section, **start}), base)
        click.echo(f"{recipe}: {stage}, {plan.model}, each GPU")
        for line in plan.lines(gpus):
            click.echo(line)
    click.echo("An estimate by arithmetic; pictures and texts of other lengths need more or less.")
