"""``review``: verdicts are kept at once, resumed, undone and shared; manifest and card say what they show."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import pytest
from page_support import get, post, serving
from small_dataset import change, make_picture, make_rows, write_dataset

from reinforcesight.cli import run
from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.dataset.manifest import load_manifest
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.data_gen.review.site import ReviewPages
from reinforcesight.errors import ConfigError, InputError


@pytest.fixture(scope="module")
def rows():
    return make_rows(range(10), per_axis=4)


@pytest.fixture
def dataset(tmp_path, rows):
    return write_dataset(tmp_path / "set", {"train": rows[:100], "test": rows[100:]})


def site(dataset, reviewer="anna", samples=16, seed=None):
    return ReviewPages(dataset, samples=samples, seed=seed, reviewer=reviewer, confidence=0.95)


def answer(pages, at, verdict, comment=""):
    reply = pages.post(f"/answer/{at}", {"verdict": verdict, "comment": comment})
    assert reply.status == 200
    return json.loads(reply.body)["next"]


def test_a_review_is_resumed_and_undone(dataset):
    pages = site(dataset)
    assert pages.get("/", {}).headers["Location"] == "/question/0"
    assert answer(pages, 0, "right") == "/question/1"
    assert answer(pages, 1, "wrong_relation", " it is left ") == "/question/2"
    assert json.loads(pages.post("/undo", {}).body) == {"next": "/question/1"}
    assert b"it is left" in pages.get("/question/1", {}).body  # the comment stays
    # Another start, as after a kill; a line that was cut off spoils nothing.
    with (dataset / "reviews.jsonl").open("ab") as log:
        log.write(b'{"id": "cut o')
    pages = site(dataset)
    assert pages.get("/", {}).headers["Location"] == "/question/1"
    assert answer(pages, 1, "wrong_name") == "/question/2"
    assert answer(pages, 15, "bad_wording") == "/question/2"
    assert pages.results()["verdicts"] == {
        "right": 1, "wrong_relation": 0, "wrong_name": 1, "bad_wording": 1, "cannot_tell": 0,
    }  # fmt: skip
    for at in range(2, 15):
        last = answer(pages, at, "right")
    assert last == "/summary"
    lines = [json.loads(line) for line in (dataset / "reviews.jsonl").read_text().splitlines() if "cut o" not in line]
    assert all(set(line) == {"time", "id", "row", "reviewer", "verdict", "comment"} for line in lines)


def test_only_known_verdicts_are_kept(dataset):
    with serving(site(dataset)) as port:
        assert post(port, "/answer/0", {"verdict": "perhaps"})[0].status == 400
        assert post(port, "/answer/0", {"verdict": ["right"]})[0].status == 400
        assert post(port, "/answer/99", {"verdict": "right"})[0].status == 404
        assert post(port, "/answer/0", {"verdict": "right"}, Origin="http://evil.example")[0].status == 403
        assert get(port, "/question/99")[0].status == 404
        reply, _ = get(port, "/")
        assert (reply.status, reply.getheader("Location")) == (303, "/question/0")
    assert not (dataset / "reviews.jsonl").exists()


def test_two_reviewers_and_their_agreement(dataset):
    anna, bert = site(dataset), site(dataset, reviewer="bert")
    assert anna.questions == bert.questions
    for at in range(4):
        answer(anna, at, "right" if at else "wrong_name")
        answer(bert, at, "right" if at < 3 else "wrong_relation")
    assert bert.get("/", {}).headers["Location"] == "/question/4"
    [entry] = anna.results()["agreement"]
    assert (entry["reviewers"], entry["questions"], entry["same"]) == (["anna", "bert"], 4, 0.5)
    # 4 pairs: agreed 2; by chance (3/4 * 3/4) = 9/16.
    assert entry["kappa"] == pytest.approx((0.5 - 9 / 16) / (1 - 9 / 16))
    assert anna.results()["wrong"] == 2  # in a tie the label is not trusted
    text = anna.get("/summary", {}).body.decode()
    assert "anna: wrong name" in text
    assert "bert: right" in text


def test_a_larger_sample_keeps_the_first_draws(dataset):
    first = site(dataset)
    answer(first, 3, "right")
    larger = site(dataset, samples=40)
    assert larger.sample.draws[:16] == first.sample.draws
    assert larger.sample.rounds == (16, 24)
    assert larger.results()["reviewed"] >= 1
    assert site(dataset, samples=5).sample == larger.sample
    with pytest.raises(ConfigError, match="seed 0, not 4"):
        site(dataset, seed=4)


def test_a_review_of_other_questions_is_refused(dataset, rows):
    site(dataset)
    write_dataset(dataset, {"train": [change(row, question="Which?") for row in rows[:100]], "test": rows[100:]})
    with pytest.raises(InputError, match="other questions"):
        site(dataset)
    (dataset / "review.json").write_text("{")
    with pytest.raises(InputError, match=r"review\.json"):
        site(dataset)
    (dataset / "data/test-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="damaged"):
        site(dataset)


def test_boxes_can_be_taken_off(tmp_path, rows):
    boxed = next(row for row in rows if row.form == "cvbench_boxes")
    twin = change(boxed, id="twin", form="open", image=make_picture(int(boxed.source_id.split("-")[1]))[1])
    write_dataset(tmp_path / "both", {"train": [boxed, twin]})
    write_dataset(tmp_path / "alone", {"train": [boxed]})
    write_dataset(tmp_path / "plain", {"train": [next(row for row in rows if row.form == "which_object")]})

    def texts(name):
        pages = site(tmp_path / name)
        return [pages.get(f"/question/{at}", {}).body.decode() for at in range(len(pages.questions))]

    assert sorted('class="marked"' in text for text in texts("both")) == [False, True]
    assert not any("are part of this picture" in text for text in texts("both"))
    [text] = texts("alone")
    assert 'class="marked"' not in text
    assert "The boxes are part of this picture" in text
    [text] = texts("plain")
    assert '<rect class="subject"' in text
    assert "The label says: <b>the " in text


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    output = tmp_path_factory.mktemp("generated") / "set"
    generate(
        GenerateConfig(
            output=output,
            num_samples=24,
            picture_size=(96, 72),
            splits={"train": 0.8, "validation": 0, "test": 0.2},
            workers=1,
            gallery={"samples": 2},
        )
    )
    return output


def test_manifest_and_card_state_the_bound_and_wrong_rows_leave(generated, capsys):
    assert run(["review", str(generated), "--summary"]) == 0
    assert "no question is reviewed yet" in capsys.readouterr().out
    pages = site(generated, samples=24)
    for at in range(len(pages.questions)):
        answer(pages, at, "wrong_relation" if at == 5 else "right")
    assert run(["review", str(generated), "--summary", "--reviewer", "anna"]) == 0
    assert "wrong at most" in capsys.readouterr().out
    review = load_manifest(generated).review
    assert (review["reviewed"], review["wrong"], review["reviewers"]) == (24, 1, ["anna"])
    assert 0.04 < review["upper"] < 0.3
    card = (generated / "README.md").read_text()
    assert f"at most **{100 * review['upper']:.1f} %** of all labels are wrong" in card
    gone = pages.sample.shown[5].id
    assert run(["review", str(generated), "--remove_wrong"]) == 0
    manifest = load_manifest(generated)
    assert sum(manifest.rows.values()) == 23
    assert manifest.removed["reasons"] == {"wrong relation": 1}
    assert manifest.review["removed_wrong"] == 1
    assert manifest.review["upper_after_removal"] < manifest.review["upper"]
    assert "removed after the review" in (generated / "README.md").read_text()
    assert not (generated / "README.edited.md").exists()
    # The page still works without the removed row, and the verdict on it still counts.
    again = site(generated, samples=24)
    assert gone not in {name for name, _ in again.questions}
    assert again.results()["wrong"] == 1
    assert run(["review", str(generated), "--remove_wrong"]) == 0
    assert sum(load_manifest(generated).rows.values()) == 23


def test_the_command_writes_the_result_when_it_is_stopped(generated):
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heard}; from reinforcesight.cli import main; main()"
    settings = ["--port", "0", "--reviewer", "carl", "--samples", "24"]
    command = [sys.executable, "-c", code, "review", str(generated), *settings]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())[1])
        assert post(port, "/answer/0", {"verdict": "cannot_tell"})[0].status == 200
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
    assert process.returncode == 0
    assert "written into manifest.json" in output
    assert "carl" in load_manifest(generated).review["reviewers"]
