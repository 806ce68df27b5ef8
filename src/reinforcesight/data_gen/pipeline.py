"""``reinforcesight generate``: make a balanced data set of verified questions from pictures.

Four steps: *scan* (each picture becomes a scene with possible questions, stored in work files that survive a kill),
*fit and select* (exact balance, split by picture), *write* (Parquet), *finish* (card, manifest, rejections, gallery).
The same settings, seed and input give the same Parquet bytes for any number of workers, shards and interruptions.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib import resources
from typing import Any

import click

from reinforcesight import __version__
from reinforcesight.data_gen.choosing.fitting import Fit, fit
from reinforcesight.data_gen.choosing.selection import PictureSummaries, SelectionRules, select
from reinforcesight.data_gen.config import GenerateConfig, GenerateReport, Shard
from reinforcesight.data_gen.dataset.card import write_card
from reinforcesight.data_gen.dataset.folder import (
    CARD,
    GALLERY,
    PUBLIC_FILES,
    REJECTIONS,
    WORK_FOLDER,
    Job,
    read_manifest,
)
from reinforcesight.data_gen.dataset.manifest import (
    Manifest,
    Tally,
    build_manifest,
    load_manifest,
    problems_of,
    write_manifest,
    write_rejections,
)
from reinforcesight.data_gen.dataset.rows import SPLITS
from reinforcesight.data_gen.dataset.writer import WriteContext, WriteTask, WrittenFile, plan_files, write_file
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.data_gen.scanning.local import (
    CHUNK_PICTURES,
    chunk_count,
    missing_chunks,
    read_reports,
    scan_pictures,
)
from reinforcesight.data_gen.scanning.work_files import (
    ScanContext,
    ScanTask,
    read_contents,
    read_summaries,
    scan_chunk,
)
from reinforcesight.data_gen.source import Source
from reinforcesight.errors import ConfigError, InputError, OutputError
from reinforcesight.hub import push_folder
from reinforcesight.jobs.files import json_line, only_writer
from reinforcesight.jobs.pool import WorkerPool, default_workers
from reinforcesight.jobs.progress import Progress
from reinforcesight.jobs.signals import Stopped, stop_on_signals
from reinforcesight.jobs.table import table_lines

# Part of a job's identity; increase it when the same settings give a different result.
_FORMAT = 3
# Questions per picture if max_questions_per_picture is 0: few, for variety; more if there are too few pictures.
_FEW_QUESTIONS, _MANY_QUESTIONS = 4, 20
# Factor on the number of rendered pictures, since not every picture gives the maximum number of questions.
_SPARE_PICTURES = 1.2
# Factor on it where pairs are passed over.
_MORE_TO_CHOOSE_FROM = 1.6
_MOST_WAVES = 8
# Share of the pictures for which a twin is looked for, per question of a picture that should be one of twins: half a
# pair, and reserve for those without a twin and for quotas that a pair does not fit.
_TWIN_PICTURES = 0.75


@dataclass(frozen=True, slots=True)
class TaskContext:
    """Everything that a worker needs to scan a chunk of pictures and to write a Parquet file."""

    scan: ScanContext
    write: WriteContext


TaskPool = WorkerPool[TaskContext, ScanTask | WriteTask, int | WrittenFile]


def do_task(context: TaskContext, task: ScanTask | WriteTask) -> int | WrittenFile:
    return scan_chunk(context.scan, task) if isinstance(task, ScanTask) else write_file(context.write, task)


def generate(config: GenerateConfig, source: Source | None = None) -> GenerateReport:
    """Make a data set, or resume an interrupted run.

    Args:
        source: Your own source; by default, the source in the settings. It is sent to worker processes, so its class
            must be importable, and the calling script needs ``if __name__ == "__main__":``.

    Raises:
        ConfigError: The templates file is invalid.
        InputError: The input can't be read, a model can't be loaded, or no question can be asked.
        OutputError: The folder belongs to another job, or can't be written to, or the upload fails. Finished work is
            kept.
        MissingDependencyError: A package that the source needs is not installed.
    """
    if config.engine == "ray":
        from reinforcesight.data_gen.scanning.on_ray import ray_cluster

        with ray_cluster(config) as fitted:
            report = _run_job(fitted, source)
    else:
        report = _run_job(config, source)
    if config.push_to_hub is not None and report.state in ("finished", "already_finished"):
        address = push_folder(
            config.output, config.push_to_hub, kind="dataset", private=config.hub_private_repo, only=PUBLIC_FILES
        )
        click.echo(f"pushed to {address}")
    return report


def _run_job(config: GenerateConfig, source: Source | None) -> GenerateReport:
    started = time.monotonic()
    config, label_error = _calibrated(config)
    source = source or build_source(config)
    if label_error:
        _check_depth_model(source, label_error["label_error"]["depth_model"])
    job = Job(config.output, job_identity(config, source) | label_error)
    job.check_folder(overwrite=config.overwrite)
    # Shards of one data set are written side by side.
    shard = "" if config.own_shard == Shard() else f"-{config.own_shard.index}-of-{config.own_shard.count}"
    with only_writer(job.folder, f".lock{shard}"):
        return _run_locked(config, source, job, started)


def _run_locked(config: GenerateConfig, source: Source, job: Job, started: float) -> GenerateReport:
    if job.open(overwrite=config.overwrite):
        made = _missing_pages(config)
        click.echo(f"{config.output}: already finished, {f'{made} made again' if made else 'nothing to do'}")
        return GenerateReport(config.output, "already_finished")
    scan = ScanContext(source, config.rules, config.seed, job.work, job.digest, config.box_colour_words)
    write = WriteContext(job.work, job.data, config.seed, config.templates, job.digest, config.reasoning)
    workers = config.workers or _workers_for(source)
    try:
        with stop_on_signals(), WorkerPool(do_task, TaskContext(scan, write), workers=workers) as pool:
            manifest = _Generation(config, source, job, scan, pool).run()
    except Stopped as stop:
        click.echo("stopped; finished work is kept: run the same command to resume", err=True)
        return GenerateReport(config.output, "stopped", seconds=time.monotonic() - started, exit_code=stop.exit_code)
    seconds = time.monotonic() - started
    if manifest is None:
        return GenerateReport(config.output, "shard_done", seconds=seconds)
    _print_summary(manifest, seconds)
    return GenerateReport(config.output, "finished", rows=dict(manifest.rows), seconds=seconds)


def _print_summary(manifest: Manifest, seconds: float) -> None:
    click.echo(f"{sum(manifest.rows.values())} questions about {sum(manifest.pictures.values())} pictures")
    rows = [
        (f"{name.replace('_', '/')} {value}", str(count))
        for name in ("relation", "form", "answer", "yes_no")
        for value, count in manifest.counts[name].items()
    ]
    rows += [("twins", str(manifest.twins))] if manifest.twins is not None else []
    rows += [(f"{split} ({manifest.pictures[split]} pictures)", str(n)) for split, n in manifest.rows.items()]
    click.echo("\n".join(table_lines(("what", "questions"), rows)))
    for shortfall in manifest.shortfalls:
        click.echo(f"note: {shortfall}")
    unusable = manifest.pictures_read - manifest.pictures_usable
    click.echo(
        f"{manifest.pictures_read} pictures read, {unusable} without a clear pair or unusable "
        f"(see rejections.json); {seconds:.1f} seconds"
    )


def _calibrated(config: GenerateConfig) -> tuple[GenerateConfig, dict[str, Any]]:
    """Return the settings with rules strict enough for the requested label error, and facts about that error."""
    if config.calibration is None:
        return config, {}
    from reinforcesight.data_gen.calibration.record import Calibration

    calibration = Calibration.load(config.calibration)
    rules, label_error = calibration.rules_for(config.max_label_error, config.rules)
    thresholds, names = calibration.thresholds_for(config.max_label_error, config.perception.gates)
    label_error |= {"names": names} if names else {}
    perception = config.perception.model_copy(update={"depth_views": calibration.views, "gates": thresholds})
    return config.model_copy(update={"rules": rules, "perception": perception}), {"label_error": label_error}


def _check_depth_model(source: Source, calibrated: str) -> None:
    from reinforcesight.data_gen.sources.perceived import PerceivedSource

    if not isinstance(source, PerceivedSource):
        return
    model = source.models.depth
    found = "none" if model is None else model.identity
    if found != calibrated:
        raise ConfigError(
            f"the calibration is of another depth model: {calibrated!r}, this run has {found!r}",
            where="--calibration",
            fix="calibrate with the model, revision and precision that generate uses",
        )


def _missing_pages(config: GenerateConfig) -> str:
    """Write the card and the gallery of a finished data set if they are gone; return their names."""
    from reinforcesight.data_gen.viewing.gallery import write_gallery

    rejections = config.output / REJECTIONS
    if rejections.is_file() and json_line(rejections.read_bytes()) is None:
        raise OutputError(
            f"{REJECTIONS} is damaged; the questions are not",
            where=str(config.output),
            fix="restore it, remove it, or give --overwrite to make the data set again",
        )
    made = [name for name in (CARD, GALLERY) if not (config.output / name).exists()]
    if CARD in made:
        write_card(config.output, load_manifest(config.output))
    if GALLERY in made:
        write_gallery(config.output, samples=config.gallery.samples, seed=config.seed)
    return " and ".join(made)


def build_source(config: GenerateConfig) -> Source:
    """Build the source in the settings; raises the same errors as :func:`generate`."""
    if config.source == "rendered":
        from reinforcesight.data_gen.sources.rendered import RenderedSource

        # Not every picture has a twin, and a picture with one gives about one pair.
        limit = config.max_questions_per_picture or _FEW_QUESTIONS
        twins = min(1.0, config.twins * limit * _TWIN_PICTURES)
        return RenderedSource(
            config.seed, config.distribution, config.picture_size, config.rendering, twins, config.rules
        )
    assert config.input is not None
    if config.source == "annotated":
        from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource

        source = AnnotatedSource(
            config.input, image_root=config.image_root, box_frame=config.box_frame, checks=config.input_checks
        )
        source.print_doubts()
        return source
    perception = config.perception
    if config.source == "vqasynth":
        from reinforcesight.data_gen.vqasynth.source import VqasynthSource

        return VqasynthSource(config.input, perception.gates)
    if perception.cache is None:
        # The cache is a work file: an interrupted run repeats no model call, and a finished run removes the cache.
        perception = perception.model_copy(update={"cache": config.output / WORK_FOLDER / "perception"})
    if config.source == "image_folder":
        from reinforcesight.data_gen.sources.image_folder import ImageFolderSource

        return ImageFolderSource(config.input, perception)
    from reinforcesight.data_gen.sources.narrated.source import LocalizedNarrativesSource

    return LocalizedNarrativesSource(config.input, perception)


def job_identity(config: GenerateConfig, source: Source) -> dict[str, Any]:
    """Return all settings that decide the bytes of the data set, as JSON values."""
    if config.templates is not None:
        load_templates(config.templates)  # report mistakes before hours of work
        wordings = config.templates.read_bytes()
    else:
        wordings = (resources.files("reinforcesight.data_gen.questions") / "templates.yaml").read_bytes()
    settings = ("num_samples", "seed", "max_questions_per_picture", "max_shortcut_share", "rows_per_file")
    identity: dict[str, Any] = {"format": _FORMAT, "version": __version__, "source": source.name}
    identity |= {name: getattr(config, name) for name in settings}
    if source.name == "rendered":
        identity["distribution"] = config.distribution
        identity["picture_size"] = list(config.picture_size)
        identity["rendering"] = config.rendering.model_dump(mode="json")
        if config.twins:
            identity["twins"] = config.twins
    identity |= config.model_dump(mode="json", include={"tasks", "forms", "box_colour_words"})
    identity["reasoning"] = config.reasoning.model_dump()
    identity["splits"] = config.splits.model_dump(mode="json")
    identity["rules"] = config.rules.model_dump(mode="json")
    identity["templates_digest"] = sha256(wordings).hexdigest()
    if config.box_frame is not None:
        identity["box_frame"] = config.box_frame
    identity["input_digest"] = source.fingerprint()
    return identity


def _workers_for(source: Source) -> int:
    """Return one worker per core, or the smaller number that the source asks for: each worker loads its models."""
    from reinforcesight.data_gen.sources.perceived import PerceivedSource

    few = source.default_workers() if isinstance(source, PerceivedSource) else None
    return few or default_workers()


@dataclass(slots=True)
class _Generation:
    config: GenerateConfig
    source: Source
    job: Job
    context: ScanContext
    pool: TaskPool
    pictures: int = 0  # increases if an endless source needs more

    def run(self) -> Manifest | None:
        """Run all steps; return ``None`` if other shards or another process must finish the data set."""
        self.pictures = self.source.count() or self._pictures_to_begin_with()
        self._scan(self.config.own_shard)
        missing = missing_chunks(self.context, self.pictures)
        if missing:
            click.echo(
                f"shard {self.config.shard} is finished; {len(missing)} of {chunk_count(self.pictures)} chunks are "
                f"missing: run the other shards with this output folder (or copy their {self.job.work.name} folders "
                "into it)"
            )
            return None
        with self.job.finishing() as mine:
            if not mine:
                click.echo(f"{self.config.output}: another process is writing this data set")
                return None
            rules = self._selection_rules()
            plan = self._fit(rules)
            if sum(plan.taken.values()) == 0:
                raise self._without_questions()
            tally = Tally()
            files = self._write(plan, tally, rules)
            manifest = build_manifest(
                config=self.config,
                identity=dict(self.job.identity),
                plan=plan,
                limit=rules.limit,
                tally=tally,
                pictures_read=self.pictures,
                files=files,
                source=self.source,
            )
            self._finish(manifest)
        return manifest

    def _pictures_to_begin_with(self) -> int:
        """Estimate the number of pictures for an endless source, in whole chunks; at least ten, one for each split."""
        limit = self.config.max_questions_per_picture or _FEW_QUESTIONS
        spare = _SPARE_PICTURES * (_MORE_TO_CHOOSE_FROM if self.config.max_shortcut_share < 1 else 1)
        wanted = max(10, math.ceil(self.config.num_samples / limit * spare))
        return chunk_count(wanted) * CHUNK_PICTURES

    def _scan(self, shard: Shard) -> None:
        if self.config.engine == "ray":
            from reinforcesight.data_gen.scanning.on_ray import scan_on_ray

            scan_on_ray(self.context, self.pictures, shard=shard, options=self.config.ray)
        else:
            scan_pictures(self.context, self.pictures, pool=self.pool, shard=shard)

    def _scanned(self) -> PictureSummaries:
        folder, chunks = self.context.folder, range(chunk_count(self.pictures))
        return PictureSummaries(lambda: read_summaries(folder, chunks), lambda: read_contents(folder, chunks))

    def _selection_rules(self) -> SelectionRules:
        limit = self.config.max_questions_per_picture
        if limit == 0:
            limit = _FEW_QUESTIONS
            if self.source.count() is not None:
                usable = sum(1 for _ in self._scanned().contents())
                needed = math.ceil(self.config.num_samples / max(1, usable) * _SPARE_PICTURES)
                limit = min(max(needed, _FEW_QUESTIONS), _MANY_QUESTIONS)
        return SelectionRules(
            samples=self.config.num_samples,
            fractions={name: getattr(self.config.splits, name) for name in SPLITS},
            axes=self.config.axis_weights,
            forms=self.config.form_weights,
            limit=limit,
            seed=self.config.seed,
            twins=self.config.twins,
            max_shortcut_share=self.config.max_shortcut_share,
        )

    def _fit(self, rules: SelectionRules) -> Fit:
        """Fit quotas to the pictures; scan more pictures of an endless source until no question is missing."""
        for _ in range(_MOST_WAVES if self.source.count() is None else 0):
            plan = fit(self._scanned(), rules, adapt=False)
            if plan.missing == 0:
                return plan
            more = max(self.pictures // 8, math.ceil(2 * plan.missing / rules.limit))
            self.pictures = chunk_count(self.pictures + more) * CHUNK_PICTURES
            self._scan(Shard())
        return fit(self._scanned(), rules, adapt=True)

    def _without_questions(self) -> InputError:
        """Return the error with the reasons why nothing can be asked; the folder then accepts corrected input."""
        reasons: Counter[str] = Counter()
        examples: dict[str, str] = {}
        for report in read_reports(self.context, self.pictures):
            reasons.update(report.skipped)
            reasons.update(report.abstained)
            for entry in report.rejected:
                reasons[entry.reason] += 1
                examples.setdefault(entry.reason, f"{entry.source_id}: {entry.detail}")
            for sample in report.samples:
                if sample["kind"] == "annotation":
                    examples.setdefault(sample["reason"], f"{sample['source_id']}: {sample['detail']}")
        for problem in problems_of(self.source):
            reasons[problem.reason] += 1
            examples.setdefault(problem.reason, problem.detail)
        commonest = reasons.most_common(5)
        counts = ", ".join(f"{reason} {count}" for reason, count in commonest) or "no objects in them"
        example = next((f"; first {reason}: {examples[reason]}" for reason, _ in commonest if reason in examples), "")
        write_rejections(self.job.folder, read_reports(self.context, self.pictures), self.source)
        self.job.abandon()
        return InputError(
            f"no question can be asked about these {self.pictures} pictures ({counts}{example})",
            where=str(self.config.input or self.config.source),
            fix=f"correct the input and run the same command; {self.job.folder / REJECTIONS} lists all reasons",
        )

    def _write(self, plan: Fit, tally: Tally, rules: SelectionRules) -> list[WrittenFile]:
        selections = select(self._scanned(), plan.borders, plan.quotas, plan.supply, rules)
        tasks = plan_files(tally.counting(selections), plan.taken, self.config.rows_per_file)
        files: list[WrittenFile] = []
        tried: Counter[str] = Counter()
        with Progress("questions written", sum(plan.taken.values())) as progress:
            for outcome in self.pool.run(tasks):
                assert isinstance(outcome.task, WriteTask)
                if not isinstance(outcome.result, WrittenFile):
                    progress.say(f"a worker died ({outcome.crash}) while writing {outcome.task.name}")
                    tried[outcome.task.name] += 1
                    if tried[outcome.task.name] > 2:
                        raise InputError(
                            f"workers keep dying ({outcome.crash})",
                            where=outcome.task.name,
                            fix="use fewer --workers or a smaller rows_per_file, or check for a lack of memory",
                        )
                    self.pool.again(outcome.task)
                    continue
                files.append(outcome.result)
                progress.advance(outcome.result.rows)
        return sorted(files, key=lambda file: (SPLITS.index(file.split), file.name))

    def _finish(self, manifest: Manifest) -> None:
        from reinforcesight.data_gen.viewing.gallery import write_gallery

        folder, names = self.job.folder, {file.name for file in manifest.files}
        for path in self.job.data.glob("*.parquet"):
            if path.name not in names:
                path.unlink()
        before = read_manifest(folder)
        if before.get("files") == [asdict(file) for file in manifest.files]:  # a repair keeps what people found
            manifest = replace(manifest, review=before.get("review"))
        write_rejections(folder, read_reports(self.context, self.pictures), self.source)
        write_card(folder, manifest)
        write_gallery(folder, samples=self.config.gallery.samples, seed=self.config.seed)
        # The manifest is written last: a folder with a manifest is a finished data set.
        write_manifest(folder, manifest)
        if not self.config.keep_work:
            self.job.remove_work()
