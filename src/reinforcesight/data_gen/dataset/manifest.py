"""``manifest.json`` and ``rejections.json``: contents and origin of a data set, and what was left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reinforcesight.data_gen.choosing.fitting import Fit
from reinforcesight.data_gen.choosing.selection import Selection
from reinforcesight.data_gen.dataset.folder import MANIFEST, REJECTIONS, read_manifest
from reinforcesight.data_gen.dataset.rows import SPLITS
from reinforcesight.data_gen.dataset.writer import WrittenFile
from reinforcesight.data_gen.questions.forms import Form, QuestionKind
from reinforcesight.data_gen.scanning.work_files import ChunkReport
from reinforcesight.data_gen.source import Skipped, Source
from reinforcesight.errors import InputError
from reinforcesight.jobs.environment import source_state, versions
from reinforcesight.jobs.files import write_sealed_json
from reinforcesight.protocol import letter
from reinforcesight.relations.kinds import Axis, Relation
from reinforcesight.relations.rules_of_thumb import RULES_OF_THUMB

if TYPE_CHECKING:
    from reinforcesight.data_gen.config import GenerateConfig

# Maximum number of examples per reason in rejections.json: of rejected pictures, and of annotations and pairs.
_NAMED_PICTURES = 1000
_SAMPLES = 20
_LIBRARIES = ("numpy", "pillow", "pyarrow", "pydantic", "trimesh", "embreex", "pycocotools")


@dataclass(frozen=True, slots=True)
class Manifest:
    """Description of a finished data set."""

    job: dict[str, Any]  # identity of the job: every setting that decides the result
    source: str
    rows: dict[str, int]  # number of questions by split
    pictures: dict[str, int]  # number of pictures by split
    pictures_read: int
    pictures_usable: int  # number of pictures with at least one clear pair
    asked: int  # number of questions requested (num_samples)
    questions_per_picture: int
    counts: dict[str, dict[str, int]]  # number of questions by value of relation, task, form, answer and yes_no
    # Number of questions by split and "relation | form | letter", with "(yes)" or "(no)".
    cells: dict[str, dict[str, int]]
    shortfalls: list[str]  # sentences about settings that were not reached, such as fewer questions than requested
    files: list[WrittenFile]
    software: dict[str, Any]  # versions, and the commit of a development checkout
    shortcuts: dict[str, float] = field(default_factory=dict)  # fraction that each rule of thumb answers, as generated
    twins: int | None = None  # number of questions that are one of two twins (docs/twins.md), as generated
    review: dict[str, Any] | None = None  # results of people who checked a sample; see review.findings
    # Rows that were removed afterwards: number, reasons, and the file that lists them.
    removed: dict[str, Any] | None = None


@dataclass(slots=True)
class Tally:
    """Counts of the selected questions, updated while they are written."""

    kinds: dict[str, Counter[QuestionKind]] = field(default_factory=dict)  # by split
    pictures: Counter[str] = field(default_factory=Counter)
    twins: int = 0
    guessed: Counter[str] = field(default_factory=Counter)  # questions that each rule of thumb answers

    def counting(self, selections: Iterable[Selection]) -> Iterator[Selection]:
        for selection in selections:
            self.pictures[selection.split] += 1 + any(pick.second for pick in selection.picks)
            self.twins += sum(pick.twin_of is not None for pick in selection.picks)
            self.guessed.update(rule for pick in selection.picks for rule in pick.guessed)
            self.kinds.setdefault(selection.split, Counter()).update(pick.kind for pick in selection.picks)
            yield selection


def build_manifest(
    *,
    config: GenerateConfig,
    identity: dict[str, Any],
    plan: Fit,
    limit: int,
    tally: Tally,
    pictures_read: int,
    files: list[WrittenFile],
    source: Source,
) -> Manifest:
    cells = tally.kinds
    total = sum(cells.values(), Counter[QuestionKind]())
    counts = counts_of(total)
    splits = [name for name in SPLITS if name in cells]
    return Manifest(
        job=identity,
        source=source.name,
        rows={name: cells[name].total() for name in splits},
        pictures={name: tally.pictures[name] for name in splits},
        pictures_read=pictures_read,
        pictures_usable=plan.pictures,
        asked=config.num_samples,
        questions_per_picture=limit,
        counts=counts,
        cells=cells_of({name: cells[name] for name in splits}),
        shortfalls=_shortfalls(config, plan, limit, counts, splits, tally.twins),
        files=files,
        software={"versions": versions(_LIBRARIES), "commit": source_state()["commit"]},
        shortcuts=_shortcuts(total, tally.guessed),
        twins=tally.twins if config.twins else None,
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    later = ("twins", "review", "removed")  # absent from most new data sets
    values = {name: value for name, value in asdict(manifest).items() if value is not None or name not in later}
    write_sealed_json(folder / MANIFEST, values)


def load_manifest(folder: Path) -> Manifest:
    """Read ``manifest.json``; raises :class:`InputError` if it is absent or lacks an entry."""
    values = read_manifest(folder)
    names = {entry.name for entry in fields(Manifest)}
    try:
        files = [WrittenFile(**entry) for entry in values.get("files", ())]
        return Manifest(**{**{name: value for name, value in values.items() if name in names}, "files": files})
    except TypeError as error:
        raise InputError(
            f"no complete {MANIFEST}: {error}", where=str(folder), fix="give the folder made by generate"
        ) from error


def counts_of(cells: Counter[QuestionKind]) -> dict[str, dict[str, int]]:
    """Return the number of questions by relation, task, form and answer."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("relation", "task", "form", "answer", "yes_no")}
    for kind, number in cells.items():
        counts["relation"][kind.relation.value] += number
        counts["task"][kind.relation.task] += number
        counts["form"][kind.form.value] += number
        counts["answer"][f"({letter(kind.answer_index)})"] += number
        if kind.form is Form.YES_NO:
            counts["yes_no"]["yes" if kind.affirm else "no"] += number
    order = {
        "relation": [relation.value for relation in Relation],
        "form": [form.value for form in Form],
        "task": ["Relation", "Depth", "Distance"],
    }
    return {
        name: {key: counter[key] for key in order.get(name, sorted(counter)) if key in counter}
        for name, counter in counts.items()
    }


def _shortcuts(kinds: Counter[QuestionKind], guessed: Mapping[str, int]) -> dict[str, float]:
    of_axis: Counter[Axis] = Counter()
    for kind, number in kinds.items():
        of_axis[kind.relation.axis] += number
    return {
        rule: round(guessed.get(rule, 0) / of_axis[axis], 4)
        for axis, rules in RULES_OF_THUMB.items()
        if of_axis[axis]
        for rule in rules
    }


def cells_of(cells: Mapping[str, Counter[QuestionKind]]) -> dict[str, dict[str, int]]:
    return {
        split: {_kind_name(kind): n for kind, n in sorted(kinds.items(), key=_order)} for split, kinds in cells.items()
    }


def _order(item: tuple[QuestionKind, int]) -> tuple[int, int, int, bool]:
    kind = item[0]
    return list(Relation).index(kind.relation), list(Form).index(kind.form), kind.answer_index, kind.affirm


def _kind_name(kind: QuestionKind) -> str:
    name = f"{kind.relation.value} | {kind.form.value} | {letter(kind.answer_index)}"
    if kind.form is Form.YES_NO:
        name += " (yes)" if kind.affirm else " (no)"
    return name


def _shortfalls(
    config: GenerateConfig,
    plan: Fit,
    limit: int,
    counts: Mapping[str, Mapping[str, int]],
    splits: Sequence[str],
    twins: int,
) -> list[str]:
    """Return differences of number or balance from the settings; a difference of one question can't be avoided."""
    notes = []
    relations = counts["relation"]
    total = sum(relations.values())
    if total < config.num_samples:
        notes.append(
            f"{total} of {config.num_samples} questions: no more are balanced, with at most {limit} per picture "
            f"(pictures with a clear pair: {plan.pictures})"
        )
    absent = [relation for relation in Relation if relation.value not in relations]
    for reason, hopeless in (("no clear pair, or no depth", True), ("too few pictures", False)):
        names = [r.value for r in absent if hopeless != any(s.pairs[r.axis] for s in plan.supply.values())]
        if names:
            notes.append(f"no question about {', '.join(names)}: {reason}")
    axes: dict[Axis, int] = {}
    for axis in Axis:
        pair = {relation.value: relations.get(relation.value, 0) for relation in axis.relations}
        axes[axis] = sum(pair.values())
        notes += _uneven("relation", pair)
    of_all = {axis: weight / sum(config.axis_weights.values()) for axis, weight in config.axis_weights.items()}
    for axis, share in of_all.items():
        if axes[axis] and axes[axis] + 3 < share * total:
            notes.append(
                f"{axis.value}: {axes[axis]} questions instead of {round(share * total)}: too few clear pairs"
            )
    expected: defaultdict[str, float] = defaultdict(float)
    for axis, weights in config.form_weights.items():
        for form, weight in weights.items():
            expected[form.value] += axes[axis] * weight / sum(weights.values())
    for name, due in expected.items():
        count = counts["form"].get(name, 0)
        if count + 2 < due:
            notes.append(f"form {name}: {count} questions instead of {round(due)}: too few pairs with unique names")
    notes += _uneven("answer", counts["answer"])
    notes += _uneven("yes/no answer", counts["yes_no"])
    for name in SPLITS:
        if getattr(config.splits, name) > 0 and name not in splits:
            notes.append(f"no {name} split: too few pictures")
    wanted = round(config.twins * total)
    if twins + 2 * len(SPLITS) < wanted:  # in each split, one pair fewer may fit
        notes.append(
            f"{twins} questions are twins instead of {wanted}: too few pictures have a twin for the questions left"
        )
    return notes


def _uneven(what: str, counts: Mapping[str, int]) -> list[str]:
    if not counts or max(counts.values()) - min(counts.values()) <= 2:
        return []
    fewest, most = min(counts, key=lambda k: counts[k]), max(counts, key=lambda k: counts[k])
    return [f"{what}: from {counts[fewest]} ({fewest}) to {counts[most]} ({most}) questions"]


def problems_of(source: Source) -> tuple[Skipped, ...]:
    """Return the problems that belong to no picture, of a source that reports such problems."""
    problems: Callable[[], tuple[Skipped, ...]] = getattr(source, "problems", tuple)
    return problems()


def write_rejections(folder: Path, reports: Iterable[ChunkReport], source: Source) -> None:
    """Write ``rejections.json``: pictures, annotations and pairs that were left out, by reason with examples."""
    groups: dict[str, dict[str, dict[str, Any]]] = {"pictures": {}, "annotations": {}, "pairs": {}}

    def note(group: str, reason: str, count: int, sample: dict[str, Any] | None = None) -> None:
        entry = groups[group].setdefault(reason, {"count": 0, "samples": []})
        entry["count"] += count
        if sample is not None and len(entry["samples"]) < (_NAMED_PICTURES if group == "pictures" else _SAMPLES):
            entry["samples"].append(sample)

    pictures = 0
    for report in reports:
        pictures += report.pictures
        for rejected in report.rejected:
            note("pictures", rejected.reason, 1, {"source_id": rejected.source_id, "detail": rejected.detail})
        for reason, count in report.skipped.items():
            note("annotations", reason, count)
        for reason, count in report.abstained.items():
            note("pairs", reason, count)
        for sample in report.samples:
            kind, reason = sample["kind"], sample["reason"]
            group, key = ("pairs", f"{sample['axis']} {reason}") if kind == "pair" else ("annotations", reason)
            note(group, key, 0, {k: v for k, v in sample.items() if k not in ("kind", "reason")})
    for problem in problems_of(source):
        note("annotations", problem.reason, 1, {"detail": problem.detail})
    write_sealed_json(folder / REJECTIONS, {"pictures_read": pictures, **groups})
