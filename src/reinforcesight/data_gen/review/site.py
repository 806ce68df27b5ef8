"""The pages of ``review``: one question at a time, and the results so far."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.dataset.reader import RowIndex, StoredRow
from reinforcesight.data_gen.dataset.row_log import KnownRows, RowLog
from reinforcesight.data_gen.questions.forms import Form
from reinforcesight.data_gen.review.findings import VERDICTS, WRONG, RowName, common_verdicts, review_results
from reinforcesight.data_gen.review.sample import REVIEWS, SAMPLE_COLUMNS, open_sample
from reinforcesight.data_gen.viewing.cards import make_card
from reinforcesight.data_gen.viewing.notes import tidy_comment
from reinforcesight.data_gen.viewing.server import Reply, html_reply, json_reply, new_nonce, text_reply
from reinforcesight.errors import InputError
from reinforcesight.pages.pictures import read_question_scene, show_picture
from reinforcesight.pages.render import render_page

_SIDE, _QUALITY = 1600, 90
# Keys of the verdicts, in the order of the buttons.
_KEYS = dict(zip(VERDICTS, "rwnbc", strict=True))
_CLAIMS = {
    "left": "{0} is to the left of {1}",
    "right": "{0} is to the right of {1}",
    "above": "{0} is higher up in the picture than {1}",
    "below": "{0} is lower down in the picture than {1}",
    "in front": "{0} is closer to the camera than {1}",
    "behind": "{0} is farther from the camera than {1}",
    "closer": "{0} is closer to {2} than {1} is",
    "farther": "{0} is farther from {2} than {1} is",
}


class ReviewPages:
    """The review site. ``verdicts`` are read from the log, so that answers of other reviewers count immediately."""

    def __init__(self, dataset: Path, *, samples: int, seed: int | None, reviewer: str, confidence: float) -> None:
        self.nonce = new_nonce()
        self.dataset = dataset
        self.reviewer = reviewer
        self.confidence = confidence
        self.index = RowIndex(dataset, SAMPLE_COLUMNS)
        if self.index.problems:
            raise InputError(f"a damaged data set can't be reviewed: {self.index.problems[0]}", where=str(dataset))
        self.sample = open_sample(dataset, self.index, samples, seed)
        self._log = RowLog(dataset / REVIEWS)
        known = KnownRows(self.index)
        self._numbers = {(d.id, d.row): known.find(d.model_dump()) for d in self.sample.shown}
        # What is still there can be shown; a removed row keeps its verdict.
        self.questions = [name for name, number in self._numbers.items() if number is not None]
        self._unmarked: dict[str, int] = {}  # source_id to a row whose picture has no boxes drawn into it
        columns = self.index.columns
        for number, (source_id, form) in enumerate(zip(columns["source_id"], columns["form"], strict=True)):
            if form != Form.CVBENCH_BOXES:
                self._unmarked.setdefault(source_id, number)

    # Verdicts

    def _given(self, reviewer: str | None = None) -> dict[str, dict[RowName, dict[str, Any]]]:
        """Return the last record of each reviewer on each row of the sample, the latest last."""
        given: dict[str, dict[RowName, dict[str, Any]]] = {}
        for record in self._log.records():
            name, who = (record["id"], record.get("row")), record.get("reviewer")
            if name in self._numbers and isinstance(who, str) and reviewer in (None, who):
                own = given.setdefault(who, {})
                own.pop(name, None)
                own[name] = record
        return given

    @property
    def verdicts(self) -> dict[str, dict[RowName, str]]:
        found = {
            who: {name: record["verdict"] for name, record in own.items() if record.get("verdict") in list(VERDICTS)}
            for who, own in self._given().items()
        }
        return {who: own for who, own in found.items() if own}

    def _save(self, name: RowName, verdict: str | None, comment: str) -> None:
        about = {"id": name[0], "row": name[1], "reviewer": self.reviewer}
        self._log.append({**about, "verdict": verdict, "comment": comment})

    def results(self, *, removed: int = 0) -> dict[str, Any]:
        return review_results(self.sample, self.verdicts, confidence=self.confidence, removed=removed)

    def wrong_rows(self) -> dict[str, str]:
        """Return the ids of the rows whose label is wrong, with the verdict as the reason."""
        return {
            name[0]: VERDICTS[verdict] for name, verdict in common_verdicts(self.verdicts).items() if verdict in WRONG
        }

    # Pages

    def get(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if path == "/":
            headers = {"Location": self._next(-1)}
            return Reply(b"", status=HTTPStatus.SEE_OTHER, headers=headers)
        if path == "/summary":
            return html_reply(self.summary())
        match = re.fullmatch(r"/question/(\d{1,9})", path, re.ASCII)
        if match is None or int(match[1]) >= len(self.questions):
            return None
        at = int(match[1])
        problems: list[str] = []
        number = self._numbers[self.questions[at]]
        assert number is not None
        stored = self.index.read([number], problems).get(number)
        if stored is None:
            return text_reply(HTTPStatus.INTERNAL_SERVER_ERROR, "\n".join(problems))
        return html_reply(self.question(at, stored))

    def post(self, path: str, values: Mapping[str, Any]) -> Reply | None:
        own = self._given(self.reviewer).get(self.reviewer, {})
        if path == "/undo":
            given = [name for name in own if own[name].get("verdict") and name in self.questions]
            if not given:
                return json_reply({"next": None})
            self._save(given[-1], None, str(own[given[-1]].get("comment") or ""))
            return json_reply({"next": f"/question/{self.questions.index(given[-1])}"})
        match = re.fullmatch(r"/answer/(\d{1,9})", path, re.ASCII)
        if match is None or int(match[1]) >= len(self.questions):
            return None
        verdict = values.get("verdict")
        if verdict is not None and verdict not in list(VERDICTS):
            return text_reply(HTTPStatus.BAD_REQUEST, f"expected one of {', '.join(VERDICTS)}")
        at = int(match[1])
        self._save(self.questions[at], verdict, tidy_comment(values.get("comment")))
        return json_reply({"next": self._next(at)})

    def _next(self, at: int) -> str:
        """Return the URL of the next question that this reviewer has not judged; after the last one, search from the
        start.
        """
        done = self.verdicts.get(self.reviewer, {})
        rest = [i for i, name in enumerate(self.questions) if name not in done]
        following = next((i for i in rest if i > at), rest[0] if rest else None)
        return "/summary" if following is None else f"/question/{following}"

    def question(self, at: int, stored: StoredRow) -> str:
        row = stored.row
        card = make_card(row, stored.split, side=_SIDE, quality=_QUALITY)
        marked = None
        try:
            known = read_question_scene(row.scene, row.evidence)
            claim = _CLAIMS[row.relation].format(*(f"the {item.name}" for item in known.objects.values()))
        except (InputError, KeyError, IndexError):
            claim = ""
        drawn = row.form == Form.CVBENCH_BOXES
        if drawn and row.source_id in self._unmarked:
            number = self._unmarked[row.source_id]
            plain = self.index.read([number], []).get(number)
            shown = None if plain is None else show_picture(plain.row.image, side=_SIDE, quality=_QUALITY)
            if shown is not None:
                marked, card = card.picture, replace(card, picture=shown)
        record = self._given(self.reviewer).get(self.reviewer, {}).get(self.questions[at], {})
        done = self.verdicts.get(self.reviewer, {})
        return render_page(
            "data_gen/review/pages/question.html.j2",
            nonce=self.nonce,
            title=self.dataset.resolve().name,
            card=card,
            marked=marked,
            drawn=drawn and marked is None,
            claim=claim,
            at=at,
            total=len(self.questions),
            done=sum(name in done for name in self.questions),
            reviewer=self.reviewer,
            verdicts=[(name, words, _KEYS[name]) for name, words in VERDICTS.items()],
            verdict=record.get("verdict"),
            comment=record.get("comment") or "",
        )

    def summary(self) -> str:
        given = self._given()
        rows = []
        for at, name in enumerate(self.questions):
            said = [
                (who, _words(record), record.get("comment") or "")
                for who, own in given.items()
                if (record := own.get(name)) is not None and (record.get("verdict") or record.get("comment"))
            ]
            if any(words != VERDICTS["right"] or comment for _, words, comment in said):
                rows.append((f"/question/{at}", name[0], said))
        return render_page(
            "data_gen/review/pages/summary.html.j2",
            nonce=self.nonce,
            title=self.dataset.resolve().name,
            dataset=self.dataset,
            results=self.results(),
            verdicts=VERDICTS,
            rows=rows,
            reviewer=self.reviewer,
            following=self._next(-1),
        )


def _words(record: Mapping[str, Any]) -> str:
    return next((words for name, words in VERDICTS.items() if name == record.get("verdict")), "no verdict")
