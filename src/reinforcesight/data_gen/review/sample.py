"""The sample of rows that people check, stored in ``review.json`` of the data set's folder.

Each relation gets its share of the sample. Within a relation, the rows are sorted by source, form and margin and cut
into as many slices of equal size as there are draws; one row is drawn from each slice. So every row has the same
probability, and all forms, sources and margins occur. A larger sample adds another round of draws.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from reinforcesight.config import StrictConfig
from reinforcesight.data_gen.dataset.folder import REMOVED
from reinforcesight.data_gen.dataset.reader import RowIndex
from reinforcesight.data_gen.dataset.row_log import KnownRows, RowLog
from reinforcesight.errors import ConfigError, InputError
from reinforcesight.jobs.files import write_text

SAMPLE = "review.json"
REVIEWS = "reviews.jsonl"
SAMPLE_COLUMNS = ("id", "question", "choices", "answer", "source_id", "relation", "form", "source", "margin")
_START_AGAIN = f"move {SAMPLE} and {REVIEWS} elsewhere to begin a new review"


class SampleDraw(StrictConfig):
    """One drawn row: its name (see ``row_log``) and its strata."""

    id: str
    row: str
    relation: str
    form: str
    source: str
    margin: float


class ReviewSample(StrictConfig):
    """A sample, in the order in which it is shown."""

    seed: Annotated[int, Field(ge=0)]
    relations: dict[str, int]  # number of rows of each relation in the whole data set
    rounds: tuple[int, ...]
    draws: tuple[SampleDraw, ...]  # a row can be drawn again in a later round and then counts twice

    @property
    def shown(self) -> list[SampleDraw]:
        """Return each drawn row once."""
        return list({(draw.id, draw.row): draw for draw in reversed(self.draws)}.values())[::-1]


def open_sample(dataset: Path, index: RowIndex, samples: int, seed: int | None) -> ReviewSample:
    """Load the stored sample and enlarge it if more rows are requested, or draw a new one.

    Raises:
        InputError: ``review.json`` can't be read, or is about other questions than these.
        ConfigError: It was drawn with another seed.
        OutputError: It can't be written.
    """
    path = dataset / SAMPLE
    known = KnownRows(index)
    if not path.exists():
        sample = ReviewSample(seed=seed or 0, relations=_relations(index), rounds=(), draws=())
    else:
        sample = _read(path)
        removed = {(record["id"], record.get("row")) for record in RowLog(dataset / REMOVED).records()}
        lost = [d for d in sample.draws if known.find(d.model_dump()) is None and (d.id, d.row) not in removed]
        if lost:
            what = f"the sample is of other questions: {lost[0].id} is not in the data set"
            raise InputError(what, where=str(path), fix=_START_AGAIN)
        if seed is not None and seed != sample.seed:
            raise ConfigError(
                f"the sample was drawn with seed {sample.seed}, not {seed}", where=str(path), fix=_START_AGAIN
            )
    more = min(samples, sum(sample.relations.values())) - len(sample.draws)
    if more > 0:
        if _relations(index) != sample.relations:
            raise InputError(
                "rows were removed since the sample was drawn, so that it can't grow",
                where=str(path),
                fix=f"give --samples {len(sample.draws)}, or {_START_AGAIN}",
            )
        drawn = _draw(index, known, more, random.Random(f"review {sample.seed} {len(sample.rounds)}"))
        sample = sample.model_copy(update={"rounds": (*sample.rounds, len(drawn)), "draws": (*sample.draws, *drawn)})
        write_text(path, sample.model_dump_json(indent=1) + "\n")
    return sample


def _read(path: Path) -> ReviewSample:
    try:
        return ReviewSample.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        what = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InputError(f"can't be read: {what}", where=str(path), fix=_START_AGAIN) from error


def _relations(index: RowIndex) -> dict[str, int]:
    return dict(sorted(Counter(map(str, index.columns["relation"])).items()))


def _draw(index: RowIndex, known: KnownRows, count: int, rng: random.Random) -> list[SampleDraw]:
    columns = index.columns
    chosen: list[int] = []
    groups: dict[str, list[int]] = {}
    for number, relation in enumerate(columns["relation"]):
        groups.setdefault(str(relation), []).append(number)
    for relation, share in _shares({name: len(rows) for name, rows in groups.items()}, count).items():
        rows = sorted(groups[relation], key=lambda n: _place(index, n))
        width = len(rows) / share if share else 0.0
        chosen += [rows[min(len(rows) - 1, int((at + rng.random()) * width))] for at in range(share)]
    rng.shuffle(chosen)
    return [
        SampleDraw(
            **known.name(number),
            **{name: str(columns[name][number]) for name in ("relation", "form", "source")},
            margin=_margin(columns["margin"][number]),
        )
        for number in chosen
    ]


def _place(index: RowIndex, number: int) -> tuple[Any, ...]:
    columns = index.columns
    source, form = str(columns["source"][number]), str(columns["form"][number])
    return source, form, _margin(columns["margin"][number]), str(columns["id"][number])


def _margin(value: object) -> float:
    return value if isinstance(value, float) else 0.0


def _shares(sizes: dict[str, int], count: int) -> dict[str, int]:
    """Return the number of draws of each relation, in proportion to its rows (largest remainders)."""
    total = sum(sizes.values())
    exact = {name: count * size / total for name, size in sizes.items()}
    shares = {name: int(value) for name, value in exact.items()}
    for name in sorted(exact, key=lambda name: (shares[name] - exact[name], name))[: count - sum(shares.values())]:
        shares[name] += 1
    return shares


def in_thirds(draws: Sequence[SampleDraw]) -> dict[tuple[str, str], str]:
    """Return for each sampled row whether its margin is in the lowest, middle or highest third of its relation."""
    places: dict[tuple[str, str], str] = {}
    for relation in {draw.relation for draw in draws}:
        own = sorted({(draw.margin, draw.id, draw.row) for draw in draws if draw.relation == relation})
        for at, (_, row_id, row) in enumerate(own):
            places[row_id, row] = ("small", "middle", "large")[3 * at // len(own)]
    return places
