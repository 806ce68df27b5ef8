"""``--engine ray``: Ray Data scans the pictures on one or more machines, with one pool of actors per model.

    units of pictures -> depth actors -> grounding actors -> segmentation actors -> scan actors (work files)

A unit is the smallest number of pictures that fills whole perception chunks and whole work files, so that each model
gets the same batches as with ``--engine local``. Both engines write the same work files; all later steps are the same.

The content-addressed cache passes results from model to model, and scenes are returned as work files. Both are on
storage that all machines share, and serve as the checkpoint. ``ray.data.checkpoint`` is not used: it records which
rows are complete, while the cache keeps each finished batch of each model, knows what the result depends on (picture,
weights, settings), and lets the local engine resume, too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import socket
import time
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reinforcesight.data_gen.config import GenerateConfig, RayOptions, Shard
from reinforcesight.data_gen.perception.perceive import ModelRole
from reinforcesight.data_gen.scanning.local import CHUNK_PICTURES, chunk_count, chunk_task, missing_chunks
from reinforcesight.data_gen.scanning.work_files import ScanContext, ScanTask, scan_chunk
from reinforcesight.data_gen.sources.perceived import PerceivedSource
from reinforcesight.errors import InputError, ReinforceSightError, require_module
from reinforcesight.jobs.pool import SINGLE_THREADED
from reinforcesight.jobs.progress import Progress
from reinforcesight.jobs.signals import handlers_kept

_MARK = ".shared-{}"
_HOST_AND_PORT = re.compile(r"(?:ray://)?\[?(?P<host>[^\[\]]+?)\]?:(?P<port>\d{1,5})")
_SECONDS_TO_ANSWER = 10
# Ray counts a machine as lost after several unanswered checks.
_SECONDS_TO_MISS = 60


@contextlib.contextmanager
def ray_cluster(config: GenerateConfig) -> Iterator[GenerateConfig]:
    """Connect to the cluster (or start Ray on this machine), and yield settings that are valid on all machines.

    Paths become absolute. ``dtype: auto`` becomes bfloat16 if the cluster has GPUs, otherwise float32, since cache
    keys contain the dtype; each machine selects its own device.

    Raises:
        MissingDependencyError: Ray is not installed.
        InputError: The cluster can't be reached.
    """
    ray: Any = require_module("ray", extra="ray")
    require_module("ray.data", extra="ray")
    started = not ray.is_initialized()
    if started:
        address = _address_that_answers(config.ray.address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            with handlers_kept():  # Ray replaces the handler of SIGTERM
                ray.init(
                    address=address,
                    runtime_env={"env_vars": SINGLE_THREADED},
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    include_dashboard=None if config.ray.address else False,
                )
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise _unreachable(config.ray.address, " ".join(str(error).split())[:300]) from error
    try:
        yield _for_all_machines(config, gpus=float(ray.cluster_resources().get("GPU", 0)))
    finally:
        if started:
            ray.shutdown()


def _address_that_answers(given: str | None) -> str:
    """Return the address for ``ray.init``; "local" if none is given, since Ray would join any cluster on this machine.

    If nothing answers at a host and port, Ray retries for minutes and then ends the process without an exception. So
    the connection is tested first.
    """
    if given is None:
        return "local"
    meant = os.environ.get("RAY_ADDRESS", "") if given == "auto" else given
    place = _HOST_AND_PORT.fullmatch(meant)
    if place is not None:
        try:
            socket.create_connection((place["host"], int(place["port"])), _SECONDS_TO_ANSWER).close()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise _unreachable(given, f"expected a cluster at {meant}, got: {reason}") from error
    return given


def _unreachable(address: str | None, reason: str) -> InputError:
    return InputError(
        f"the Ray cluster can't be reached: {reason}",
        where=f"ray.address {address}",
        fix="start it (ray start --head), correct the address, or omit it to use this machine only",
    )


def _for_all_machines(config: GenerateConfig, *, gpus: float) -> GenerateConfig:
    perception = config.perception
    device = "cpu" if perception.device == "cpu" else "auto"
    dtype = perception.dtype
    if dtype == "auto":
        dtype = "bfloat16" if gpus and device == "auto" else "float32"
    models = {
        name: str(Path(given).expanduser().resolve())
        for name in type(perception).model_fields
        if name.endswith("_model")
        and (given := getattr(perception, name)) is not None
        and Path(given).expanduser().is_dir()
    }
    settings: dict[str, Any] = {"device": device, "dtype": dtype, **models}
    if perception.cache is not None:
        settings["cache"] = perception.cache.absolute()
    changed: dict[str, Any] = {
        "output": config.output.absolute(),
        "perception": perception.model_copy(update=settings),
    }
    if config.input is not None and config.input.exists():  # not a name on the hub
        changed["input"] = config.input.absolute()
    return config.model_copy(update=changed)


@dataclass(frozen=True, slots=True)
class _Unit:
    """Pictures that go through the pools together, as picture indices, perception chunks and work files."""

    pictures: range
    perception_chunks: range
    tasks: tuple[ScanTask, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    context: ScanContext
    pictures: int  # number of pictures
    missing: frozenset[int]  # indices of the work files to write
    mark: str  # part of the name of the marker file in the shared folders

    @property
    def size(self) -> int:
        """Return the number of pictures per unit."""
        return math.lcm(self._chunk_size, CHUNK_PICTURES)

    @property
    def _chunk_size(self) -> int:
        source = self.context.source
        return source.config.chunk_size if isinstance(source, PerceivedSource) else CHUNK_PICTURES

    def numbers(self) -> list[int]:
        """Return the units with a missing work file."""
        return sorted({chunk * CHUNK_PICTURES // self.size for chunk in self.missing})

    def unit(self, number: int) -> _Unit:
        start, stop = number * self.size, min((number + 1) * self.size, self.pictures)
        chunks = range(start // CHUNK_PICTURES, chunk_count(stop))
        tasks = [chunk_task(chunk, self.pictures) for chunk in chunks if chunk in self.missing]
        perceived = range(start // self._chunk_size, -(-stop // self._chunk_size))
        return _Unit(range(start, stop), perceived, tuple(tasks))

    def folders(self) -> tuple[Path, ...]:
        """Return the folders that all machines must see."""
        source = self.context.source
        cache = source.config.cache if isinstance(source, PerceivedSource) else None
        return (self.context.folder,) if cache is None else (self.context.folder, cache)


def scan_on_ray(context: ScanContext, pictures: int, *, shard: Shard, options: RayOptions) -> None:
    """Scan this shard's chunks of the first ``pictures`` pictures that have no work file yet.

    If the cluster loses a machine, the others scan what is missing.

    Raises:
        InputError: A machine does not see the shared folders, or can't load a model.
        OutputError: A result can't be stored.
        ReinforceSightError: Ray failed; finished work is kept.
    """
    from ray.exceptions import RayError

    machines: Counter[str] = Counter()  # number of units that each machine had a part in
    units = 0
    while chunks := frozenset(chunk for chunk in missing_chunks(context, pictures) if shard.has(chunk)):
        before = len(_machines())
        try:
            for row in _scan_missing(context, pictures, chunks, options):
                machines.update(row["machines"].split())
                units += 1
        except RayError as error:
            if not _lost_a_machine(before):
                raise ReinforceSightError(
                    f"Ray failed: {' '.join(str(error).split())[-300:]}",
                    fix="run the same command to resume; --engine local leaves out pictures that kill their worker",
                ) from error
            click.echo("the Ray cluster lost a machine; the others scan what is missing", err=True)
    if units:
        parts = ", ".join(str(count) for _, count in machines.most_common())
        click.echo(
            f"scanned on {len(machines)} machine{'s' if len(machines) != 1 else ''} of the Ray cluster "
            f"(parts in {parts} of {units} units)"
        )


def _machines() -> list[Mapping[str, float]]:
    """Return the resources of each machine of the cluster."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _lost_a_machine(before: int) -> bool:
    """Wait until Ray notices that a machine is gone; its actors fail before that."""
    until = time.monotonic() + _SECONDS_TO_MISS
    while len(_machines()) >= before and time.monotonic() < until:
        time.sleep(1)
    return 0 < len(_machines()) < before


def _scan_missing(
    context: ScanContext, pictures: int, chunks: frozenset[int], options: RayOptions
) -> Iterator[Mapping[str, Any]]:
    """Scan chunks, and yield a row for each finished unit."""
    import ray
    import ray.data

    plan = _Plan(context, pictures, chunks, uuid.uuid4().hex)
    for folder in plan.folders():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK.format(plan.mark)).touch()
    cpus, gpus = _shares(_machines(), options, context)
    settings = ray.data.DataContext.get_current()
    settings.enable_progress_bars = False
    settings.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    sent = ray.put(plan)

    def pool() -> Any:
        return ray.data.ActorPoolStrategy(min_size=1, max_size=options.max_actors or None)

    rows = [{"unit": number, "machines": "", "messages": "", "error": ""} for number in plan.numbers()]
    # One unit per block, so that machines exchange single units.
    data = ray.data.from_items(rows, override_num_blocks=len(rows))
    # Without limits, Ray would retry a picture that kills its process forever.
    retries = {"max_restarts": 2, "max_task_retries": 2}
    source = context.source
    for role in source.model_roles() if isinstance(source, PerceivedSource) else ():
        data = data.map_batches(
            ModelStage,
            fn_constructor_args=(sent, role),
            batch_size=1,
            compute=pool(),
            num_cpus=cpus,
            num_gpus=gpus,
            **retries,
        )
    data = data.map_batches(
        ScanStage, fn_constructor_args=(sent,), batch_size=1, compute=pool(), num_cpus=cpus, **retries
    )
    total = sum(task.size for number in plan.numbers() for task in plan.unit(number).tasks)
    try:
        with Progress("pictures", total) as progress:
            for row in data.iter_rows():
                if row["error"]:
                    raise InputError(**json.loads(row["error"]))
                if row["messages"]:
                    progress.say(row["messages"])
                yield row
                progress.advance(sum(task.size for task in plan.unit(int(row["unit"])).tasks))
    finally:
        for folder in plan.folders():
            (folder / _MARK.format(plan.mark)).unlink(missing_ok=True)


def _shares(nodes: Sequence[Mapping[str, float]], options: RayOptions, context: ScanContext) -> tuple[float, float]:
    """Return CPU cores and GPUs per actor, such that all pools fit on the smallest machine alone."""
    source = context.source
    # One pool per model and one for scanning. Each needs at least one actor.
    pools = 1 + (len(source.model_roles()) if isinstance(source, PerceivedSource) else 0)
    smallest = min((float(node["CPU"]) for node in nodes if node.get("CPU")), default=1.0)
    cpus = options.cpus_per_actor or min(1.0, math.floor(100 * smallest / pools) / 100)
    if not isinstance(source, PerceivedSource) or source.config.device == "cpu":
        return cpus, 0.0
    if options.gpus_per_actor is not None:
        return cpus, options.gpus_per_actor
    # One GPU holds an actor of each model: together they need less than 24 GB.
    has_gpu = any(node.get("GPU") for node in nodes)
    return cpus, math.floor(100 / len(source.model_roles())) / 100 if has_gpu else 0.0


class _Stage(ABC):
    """Base of the actors: holds the plan, checks the shared folders, and returns errors as data."""

    def __init__(self, plan: _Plan) -> None:
        import ray

        # In fn_constructor_args, Ray passes a stored object as a reference.
        self._plan = plan = ray.get(plan) if isinstance(plan, ray.ObjectRef) else plan
        self._machine = ray.get_runtime_context().get_node_id()
        self._unfit: ReinforceSightError | None = None
        for folder in plan.folders():
            if not (folder / _MARK.format(plan.mark)).is_file():
                self._unfit = InputError(
                    f"the machine {socket.gethostname()} does not see the folder of the job",
                    where=str(folder),
                    fix="give an output folder (and perception.cache) that all machines share",
                )

    @abstractmethod
    def work(self, unit: _Unit) -> str:
        """Process a unit; return a message for the user, or an empty string."""

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Process one unit and add the machine's name; a unit that failed before is returned unchanged."""
        number = int(batch["unit"][0])
        machines, messages, error = (str(batch[name][0]) for name in ("machines", "messages", "error"))
        if not error:
            try:
                if self._unfit is not None:
                    raise self._unfit
                messages += self.work(self._plan.unit(number))
            except ReinforceSightError as failed:
                error = json.dumps({"what": failed.what, "where": failed.where, "fix": failed.fix})
            machines = " ".join(dict.fromkeys([*machines.split(), self._machine]))
        return {"unit": [number], "machines": [machines], "messages": [messages], "error": [error]}


class ModelStage(_Stage):
    """Actor with one model, whose results go to the cache."""

    def __init__(self, plan: _Plan, role: ModelRole) -> None:
        super().__init__(plan)
        self._name = role
        if self._unfit is None:
            assert isinstance(self._plan.context.source, PerceivedSource)
            try:
                self._plan.context.source.move_here()
            except ReinforceSightError as error:
                self._unfit = error

    def work(self, unit: _Unit) -> str:
        source = self._plan.context.source
        assert isinstance(source, PerceivedSource)
        messages = ""
        for chunk in unit.perception_chunks:
            try:
                source.run_model(self._name, chunk)
            except ReinforceSightError:
                raise
            except Exception as error:  # noqa: BLE001 - the scan meets the error again and leaves out the pictures by name
                where = f"{self._name} of pictures {unit.pictures.start} to {unit.pictures.stop - 1}"
                messages += f"{where} failed: {type(error).__name__}: {error}\n"[:300]
        return messages


class ScanStage(_Stage):
    """Actor that writes work files from cached results."""

    def work(self, unit: _Unit) -> str:
        for task in unit.tasks:
            scan_chunk(self._plan.context, task)
        return ""
