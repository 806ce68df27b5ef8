"""Pages of sampled groups: whole texts, claims marked where they stand, no HTML of a model's own."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
from grpo_support import row_with_scene
from hypothesis import given
from hypothesis import strategies as st
from reward_samples import row as reward_row
from reward_samples import says

from reinforcesight.grpo.data import Presenter
from reinforcesight.grpo.groups_page import SampledGroup, write_groups_page
from reinforcesight.grpo.reward import claim_pieces, score_completion

CLAIMS = ["The cat is left of the dog", "The cat is above the dog", "the bird is red", "Dogs < cats & birds"]


@given(st.lists(st.sampled_from([*CLAIMS, "\n", " so ", "⟨?⟩", "The cat is right of the dog"]), max_size=6))
def test_pieces_make_up_the_whole_text(sentences):
    text = says(". ".join(sentences))
    parts = score_completion(text, reward_row())
    pieces = list(claim_pieces(text, parts))
    assert "".join(piece for piece, _ in pieces) == text
    marked = [(piece, claim.verdict.value) for piece, claim in pieces if claim is not None]
    assert len(marked) == len(parts.claims)
    for piece, verdict in marked:
        assert "cat" in piece
        if "left of" in piece:
            assert verdict == "supported"
        if "right of" in piece:
            assert verdict == "contradicted"


class Reader(HTMLParser):
    """Text, marks and tags of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_a_page_shows_picture_boxes_question_completions_and_rewards(tmp_path):
    row = Presenter(thinking=True, permute=False, seed=0).present(
        [row_with_scene(0, np.random.default_rng([1]))], epoch=0
    )[0]
    right = row["completion"][0]["content"]
    texts = [right, "<script>alert(1)</script><answer>(A)</answer>"]
    parts = [score_completion(text, row) for text in texts]
    for step in (0, 25):
        page = write_groups_page(tmp_path, step, [SampledGroup(row, texts, parts, [0.7, -0.7])])
    assert page == tmp_path / "groups" / "step-000025.html"
    read = Reader(page.read_text())
    kinds = [tag for tag, _ in read.tags]
    assert "script" not in kinds
    assert texts[1] in read.text
    assert row["prompt"][0]["content"] in read.text
    boxes = [attributes for tag, attributes in read.tags if tag == "rect"]
    assert [box["class"] for box in boxes] == ["subject", "reference"]
    assert all(0 <= float(box["x"]) < 28 for box in boxes)
    [picture] = [attributes for tag, attributes in read.tags if tag == "img"]
    assert picture["src"].startswith("data:image/jpeg;base64,")
    marks = [a for tag, a in read.tags if tag == "mark" and "title" in a]
    assert [mark["title"] for mark in marks] == ["supported"]
    assert "reward 1.7, advantage 0.7" in read.text
    # Nothing is fetched from elsewhere.
    assert not [a for _, a in read.tags if str(a.get("src", a.get("href", ""))).startswith("http")]
    index = Reader((tmp_path / "groups.html").read_text())
    links = [a["href"] for tag, a in index.tags if tag == "a"]
    assert links == ["report.html", "groups/step-000025.html", "groups/step-000000.html"]


def test_a_row_without_a_scene_is_shown_without_boxes(tmp_path):
    row = Presenter(thinking=True, permute=False, seed=0).present(
        [{**row_with_scene(0, np.random.default_rng([1])), "scene": "", "evidence": "{"}], epoch=0
    )[0]
    parts = [score_completion("", row)] * 2
    page = write_groups_page(tmp_path, 1, [SampledGroup(row, ["", ""], parts, [0.0, 0.0])])
    assert "<rect" not in page.read_text()
    assert "all rewards are equal" in page.read_text()
