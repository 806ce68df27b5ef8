"""Pages of ``browse``: all rows with filters, and one row. URLs contain filters and row indices, never file names."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from reinforcesight.data_gen.dataset.reader import RowIndex, StoredRow
from reinforcesight.data_gen.viewing.cards import make_card
from reinforcesight.data_gen.viewing.notes import ANNOTATIONS, Annotation, Annotations
from reinforcesight.data_gen.viewing.results import read_model_answers
from reinforcesight.data_gen.viewing.server import Reply, html_reply, json_reply, new_nonce, picture_reply, text_reply
from reinforcesight.pages.question_cards import QuestionCard
from reinforcesight.pages.render import render_page

_PAGE_ROWS = 24
_BINS = 12
_COLUMNS = ("id", "question", "choices", "relation", "form", "answer", "source", "source_id", "margin")
_FILTERS = ("relation", "form", "answer", "split", "source")
_SEARCHED = ("id", "question", "source_id")
_KEPT = ("not excluded", "excluded", "annotated", "with a comment")
_SORTS = ("smallest margin", "largest margin")
# Label, number of rows, fraction of the longest bar, and the page of these rows.
_Bar = tuple[str, int, float, str]
_STATE = (*_FILTERS, "tag", "rows", "answers", "from", "to", "sort", "q")


class DatasetPages:
    """Site of one data set. Only a few values per row are kept in memory; rows are read when they are shown."""

    def __init__(self, dataset: Path, results: Sequence[Path] = ()) -> None:
        self.nonce = new_nonce()
        self.title = dataset.resolve().name
        self.index = RowIndex(dataset, _COLUMNS)
        self.annotations = Annotations(dataset, self.index)
        self.models = [read_model_answers(path, self.index) for path in results]

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def _reasoning(self) -> list[str]:
        """Return completions in lower case; they are read at the first search."""
        return [json.dumps(value, ensure_ascii=False).casefold() for value in self.index.column("completion")]

    def get(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if path == "/":
            return html_reply(self.overview(query))
        if path == "/annotations.csv":
            headers = {"Content-Disposition": 'attachment; filename="annotations.csv"'}
            return Reply(self.annotations.to_csv().encode(), "text/csv; charset=utf-8", headers=headers)
        match = re.fullmatch(r"/(row|picture)/(\d{1,12})", path, re.ASCII)
        if match is None or int(match[2]) >= len(self):
            return None
        problems: list[str] = []
        number = int(match[2])
        stored = self.index.read([number], problems).get(number)
        if stored is None:
            return text_reply(HTTPStatus.INTERNAL_SERVER_ERROR, "\n".join(problems))
        if match[1] == "picture":
            return picture_reply(stored.row.image, stored.where)
        return html_reply(self.detail(number, stored, query))

    def post(self, path: str, values: Mapping[str, Any]) -> Reply | None:
        match = re.fullmatch(r"/annotate/(\d{1,12})", path, re.ASCII)
        if match is None or int(match[1]) >= len(self):
            return None
        annotation = Annotation.from_values(values)
        self.annotations.save(int(match[1]), annotation)
        return json_reply(asdict(annotation))

    def select(self, query: Mapping[str, str]) -> list[int]:
        """Return the indices of the rows that match all filters and the text, in the order of the query."""
        columns = self.index.columns
        indices: Sequence[int] = range(len(self))
        for name in _FILTERS:
            value = query.get(name, "")
            if value:
                indices = [i for i in indices if columns[name][i] == value]
        noted = self.annotations.all()
        kinds = {
            "excluded": {i for i, note in noted.items() if note.excluded},
            "annotated": set(noted),
            "with a comment": {i for i, note in noted.items() if note.comment},
        }
        wanted = query.get("rows", "")
        if wanted == "not excluded":
            indices = [i for i in indices if i not in kinds["excluded"]]
        elif wanted in kinds:
            indices = [i for i in indices if i in kinds[wanted]]
        tag = query.get("tag", "")
        if tag:
            indices = [i for i in indices if i in noted and tag in noted[i].tags]
        outcome = self._outcomes().get(query.get("answers", ""))
        if outcome is not None:
            indices = [i for i in indices if i in outcome]
        low, high = (_number(query.get(name, "")) for name in ("from", "to"))
        if low is not None or high is not None:
            limits = (-math.inf if low is None else low, math.inf if high is None else high)
            indices = [i for i in indices if limits[0] <= self._margin(i) <= limits[1]]
        text = query.get("q", "").strip().casefold()
        if text:
            found = [columns[name] for name in _SEARCHED]
            indices = [
                i for i in indices if any(text in str(c[i]).casefold() for c in found) or text in self._reasoning[i]
            ]
        if query.get("sort") in _SORTS:
            indices = sorted(indices, key=self._margin, reverse=query["sort"] == "largest margin")
        return list(indices)

    def _margin(self, number: int) -> float:
        value = self.index.columns["margin"][number]
        return value if isinstance(value, float) and math.isfinite(value) else 0.0

    def _outcomes(self) -> dict[str, set[int]]:
        outcomes: dict[str, set[int]] = {}
        some: dict[bool, set[int]] = {True: set(), False: set()}
        for model in self.models:
            for correct, word in ((True, "right"), (False, "wrong")):
                rows = {number for number, answer in model.answers.items() if answer.correct is correct}
                outcomes[f"{model.name} {word}"] = rows
                some[correct] |= rows
        if len(self.models) > 1:
            outcomes["some right, some wrong"] = some[True] & some[False]
        return outcomes

    def _card(self, number: int, stored: StoredRow, *, side: int = 448, link: str = "") -> QuestionCard:
        card = make_card(stored.row, stored.split, side=side, quality=80 if side < 1000 else 88, link=link)
        answers = tuple(model.answers[number] for model in self.models if number in model.answers)
        noted = self.annotations.all().get(number, Annotation())
        marks = (*(["excluded"] if noted.excluded else []), *noted.tags)
        notes = (*card.notes, *([noted.comment] if noted.comment else []))
        return replace(card, answers=answers, marks=marks, notes=notes)

    def overview(self, query: Mapping[str, str]) -> str:
        indices = self.select(query)
        last_page = max(0, (len(indices) - 1) // _PAGE_ROWS)
        asked = query.get("page", "0")
        page = min(int(asked) if re.fullmatch(r"\d{1,9}", asked) else 0, last_page)
        shown = indices[page * _PAGE_ROWS : (page + 1) * _PAGE_ROWS]
        problems = list(self.index.problems)
        state = _state(query)
        rows = self.index.read(shown, problems)
        cards = [self._card(n, stored, link=_address(f"/row/{n}", state)) for n, stored in rows.items()]
        if self.annotations.lost:
            problems.append(
                f"{ANNOTATIONS}: {self.annotations.lost} notes are about rows that have been removed or changed"
            )
        columns = self.index.columns
        menus = [(name, name, sorted({str(v) for v in columns[name]}), query.get(name, "")) for name in _FILTERS]
        menus += [
            ("tag", "tag", self.annotations.tags(), query.get("tag", "")),
            ("rows", "rows", list(_KEPT), query.get("rows", "")),
            ("answers", "answers", list(self._outcomes()), query.get("answers", "")),
            ("sort", "order", list(_SORTS), query.get("sort", "")),
        ]
        return render_page(
            "data_gen/viewing/pages/browse.html.j2",
            nonce=self.nonce,
            title=self.title,
            problems=problems,
            menus=[menu for menu in menus if menu[2]],
            query=query.get("q", ""),
            limits=[(name, query.get(name, "")) for name in ("from", "to")],
            total=len(indices),
            first=page * _PAGE_ROWS + 1,
            last=page * _PAGE_ROWS + len(shown),
            pager=[
                _address("/", {**state, "page": str(number)}) if 0 <= number <= last_page else None
                for number in (page - 1, page + 1)
            ],
            counts=self._counts(indices, state),
            histogram=self._histogram(indices, state),
            cards=cards,
        )

    def _counts(self, indices: Sequence[int], state: Mapping[str, str]) -> list[tuple[str, list[_Bar]]]:
        groups = []
        for name in ("relation", "form"):
            counts = Counter(str(self.index.columns[name][i]) for i in indices)
            most = max(counts.values(), default=1)
            bars = [(v, n, n / most, _address("/", {**state, name: v})) for v, n in counts.most_common()]
            groups.append((name, bars))
        return groups

    def _histogram(self, indices: Sequence[int], state: Mapping[str, str]) -> list[_Bar]:
        margins = sorted(self._margin(i) for i in indices)
        if not margins or margins[0] == margins[-1]:
            return []
        # The last bin also contains values beyond the 98th percentile: a few large margins would flatten the rest.
        low, high = margins[0], margins[int(0.98 * (len(margins) - 1))]
        width = (high - low) / _BINS or 1.0
        counts = Counter(min(_BINS - 1, int((margin - low) / width)) for margin in margins)
        most = max(counts.values())
        bins = []
        for at in range(_BINS):
            ends = (low + at * width, margins[-1] if at == _BINS - 1 else low + (at + 1) * width)
            limits = {"from": f"{ends[0]:.4f}", "to": f"{ends[1]:.4f}"}
            link = _address("/", {**state, **limits})
            bins.append((f"{ends[0]:.2f} to {ends[1]:.2f}", counts[at], counts[at] / most, link))
        return bins

    def detail(self, number: int, stored: StoredRow, query: Mapping[str, str]) -> str:
        """Return the page of one row with all its columns, and its neighbours among the rows of the query."""
        row = stored.row
        raw = [("Prompt", row.prompt), ("Completion", row.completion)]
        for name, text in (("Evidence", row.evidence), ("Scene", row.scene)):
            try:
                raw.append((name, json.dumps(json.loads(text), indent=1, ensure_ascii=False)))
            except (ValueError, RecursionError):
                raw.append((name, text))
        state = _state(query)
        indices = self.select(query)
        place = indices.index(number) if number in indices else None
        around = [] if place is None else [place - 1, place + 1]
        links = [_address(f"/row/{indices[at]}", state) if 0 <= at < len(indices) else None for at in around]
        overview = {**state, "page": str((place or 0) // _PAGE_ROWS)}
        return render_page(
            "data_gen/viewing/pages/row.html.j2",
            nonce=self.nonce,
            card=self._card(number, stored, side=1024),
            number=number,
            where=stored.where,
            raw=raw,
            position=None if place is None else (place + 1, len(indices)),
            pager=links or [None, None],
            overview=_address("/", overview),
            note=self.annotations.all().get(number, Annotation()),
            tags=self.annotations.tags(),
        )


def _state(query: Mapping[str, str]) -> dict[str, str]:
    return {name: query[name] for name in _STATE if query.get(name)}


def _address(path: str, state: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(state)}" if state else path


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
