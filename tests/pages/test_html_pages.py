"""Every page, made from hostile data: escaped, offline, one style, and no wider than a phone."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from eval_samples import bench_rows, replay, write_answers, write_published
from grpo_support import row_with_scene
from small_dataset import change, make_rows, write_dataset

from reinforcesight.config import load_config
from reinforcesight.data_gen.audit.findings import AuditReport, Finding, Table, write_audit_report
from reinforcesight.data_gen.review.site import ReviewPages
from reinforcesight.data_gen.viewing.browse_pages import DatasetPages
from reinforcesight.data_gen.viewing.gallery import write_gallery
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.eval.results import read_results
from reinforcesight.eval.verdicts import paired_in_words
from reinforcesight.grpo.curves import GRPO_CHARTS
from reinforcesight.grpo.data import Presenter
from reinforcesight.grpo.groups_page import SampledGroup, write_groups_page
from reinforcesight.grpo.reward import score_completion
from reinforcesight.jobs.record import RunRecord
from reinforcesight.pages.question_cards import CardAnswer, QuestionCard
from reinforcesight.pages.render import save_page
from reinforcesight.story import worker
from reinforcesight.story.config import RunConfig
from reinforcesight.story.page_content import BeforeAndAfter, BenchmarkView, Story, read_story
from reinforcesight.story.report import render
from reinforcesight.tuning.records.report import write_training_page

ROOT = Path(__file__).parents[2]
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
LONG = "unbreakable" * 40
NAMES = (
    "gallery",
    "browse",
    "row",
    "question",
    "summary",
    "audit",
    "groups",
    "groups_index",
    "curves",
    "evaluation",
    "run",
    "begun",
)


SERVED = ("browse", "row", "question", "summary")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    made = {
        **dataset_pages(folder / EVIL.replace("/", "")),
        "audit": audit_page(folder),
        **grpo_pages(folder / "grpo"),
    }
    made["evaluation"] = evaluation_page(folder / "evaluation")
    made["run"], made["begun"] = run_pages(folder / "run", folder / "evaluation")
    assert set(made) == set(NAMES)
    return made


def dataset_pages(folder: Path) -> dict[str, str]:
    rows = make_rows(range(6), per_axis=4)
    evil = {"question": EVIL, "source_id": EVIL, "choices": (EVIL, LONG), "id": EVIL, "relation": EVIL}
    rows[0] = change(rows[0], **evil, completion=f"<think>{EVIL * 9}</think><answer>{EVIL}</answer>")
    rows[1] = change(rows[1], image=b"no picture", scene=EVIL)
    write_dataset(folder, {"train": rows})
    samples = [{"source_id": EVIL, "subject": EVIL, "reference": LONG, "detail": EVIL}]
    (folder / "rejections.json").write_text(json.dumps({"pairs": {EVIL: {"count": 1, "samples": samples}}}))
    pages = DatasetPages(folder)
    review = ReviewPages(folder, samples=99, seed=0, reviewer=EVIL, confidence=0.95)
    at = next(number for number, draw in enumerate(review.sample.shown) if draw.id == EVIL)
    review.post(f"/answer/{at}", {"verdict": "wrong_name", "comment": EVIL})
    return {
        "question": review.get(f"/question/{at}", {}).body.decode(),
        "summary": review.summary(),
        "gallery": write_gallery(folder).read_text(),
        "browse": pages.overview({"q": EVIL, "relation": EVIL}),
        "row": pages.detail(0, pages.index.read([0], [])[0], {}),
    }


def audit_page(folder: Path) -> str:
    finding = Finding("wrong_label", True, 3, [EVIL, LONG])
    table = Table(EVIL, ("a", *map(str, range(30))), ((EVIL, *map(str, range(30))),), EVIL)
    report = AuditReport(EVIL, 7, 3, (finding,), (table,), {})
    write_audit_report(report, folder / "audit.html")
    return (folder / "audit.html").read_text()


def grpo_pages(folder: Path) -> dict[str, str]:
    row = Presenter(thinking=True, permute=False, seed=0).present(
        [row_with_scene(0, np.random.default_rng([1]))], epoch=0
    )[0]
    texts = [EVIL, LONG]
    parts = [score_completion(text, row) for text in texts]
    group = SampledGroup({**row, "id": EVIL}, texts, parts, [0.5, -0.5])
    step = write_groups_page(folder, 3, [group])
    record = RunRecord(folder, {"command": "grpo", "status": EVIL, "model": {"model_path": EVIL}})
    record.content["results"] = {"step": 4, "start": {EVIL: {"nested": [1, 2]}}, "note": LONG, "flag": True}
    lines = [{"step": step, "reward": step / 3, "loss": float("nan"), "kl": 0.0} for step in range(200)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {
        "groups": step.read_text(),
        "groups_index": (folder / "groups.html").read_text(),
        "curves": write_training_page(record, GRPO_CHARTS).read_text(),
    }


def evaluation_page(folder: Path) -> str:
    rows = bench_rows(4, 4)
    benchmark = write_published(folder / "bench", rows, "split")
    for name, right in (("base", 0.4), ("sft", 0.5), ("grpo", 0.8)):
        logged = write_answers(folder / f"{name}.log.jsonl", rows, right=right)
        answers = [json.loads(line) for line in logged.read_text().splitlines()]
        for answer in answers[::5]:
            answer["response"] = f"<think>{EVIL * 9}{LONG}</think>{EVIL}"
        logged.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
        output, baseline = folder / f"{name}.json", folder / "base.json" if name == "grpo" else None
        title = f"{name} {EVIL}"
        evaluate(replay(benchmark, logged, output, title=title, tasks="all", report=True, baseline=baseline))
    return (folder / "grpo.html").read_text()


def run_pages(folder: Path, evaluation: Path) -> tuple[str, str]:
    """The page of a finished run, and that of one whose training set alone is finished."""
    path = folder / "run.yaml"
    folder.mkdir()
    path.write_text(f"extends: {ROOT / 'configs/quickstart.yaml'}\noutput: {folder / 'run'}\n")
    config = load_config(RunConfig, path)
    write_dataset(config.folder.dataset, {"train": make_rows(range(3), per_axis=2)})
    manifest = {"pictures": {"train": 3}, "rows": {"train": 24}}
    (config.folder.dataset / "manifest.json").write_text(json.dumps(manifest))
    begun = read_story(config)
    assert len(begun.scenes) == config.report.scenes
    results = {model: read_results(evaluation / f"{model}.json") for model in ("base", "sft", "grpo")}
    view = BenchmarkView(
        EVIL,
        EVIL,
        results,
        [],
        [paired_in_words("GRPO", results["grpo"].paired, "Base")],
        dict.fromkeys(results, "x"),
        EVIL,
        [EVIL],
        EVIL,
    )
    card = QuestionCard(
        EVIL,
        options=(("A", EVIL), ("B", LONG)),
        right="A",
        tags=(EVIL,),
        answers=(CardAnswer(EVIL, False, EVIL, LONG),),
    )
    record = {"results": {"step": 3, "best_step": 2, "stopped_early_by": EVIL}, "source": {"commit": EVIL},
              "model": {"parameters": 3_000_000}, "hardware": {"platform": EVIL}}  # fmt: skip
    findings = [{"rule": EVIL, "count": 1, "meaning": EVIL}]
    story: Story = dataclasses.replace(
        begun,
        audit={"passed": False, "rows": 24, "pictures": 3, "findings": findings},
        sft=record,
        grpo=record,
        benchmarks=[view],
        compared=BeforeAndAfter(EVIL, [card], [(EVIL, 1)]),
    )
    return render(story), render(begun)


class Page(HTMLParser):
    """Elements, their attributes, the text and the scripts of a page; checks that elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts = ""
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts += data
        elif self.open[-1:] != ["style"]:
            self.text += data


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_from_data_is_shown_as_text(pages: dict[str, str], name: str) -> None:
    page = Page(pages[name])
    if name not in ("groups_index", "begun"):
        assert "<script>alert(1)" in page.text
    assert "alert(1)" not in page.scripts
    assert not [attributes for _, attributes in page.elements if any(key.startswith("on") for key in attributes)]
    assert "{'" not in page.text


@pytest.mark.parametrize("name", NAMES)
def test_a_page_works_offline_and_looks_like_the_others(pages: dict[str, str], name: str) -> None:
    page = Page(pages[name])
    loaded = [value for _, attributes in page.elements if (value := attributes.get("src")) is not None]
    assert all(value.startswith("data:image/jpeg;base64,") for value in loaded)
    links = [value for tag, attributes in page.elements if tag == "a" and (value := attributes.get("href"))]
    assert not [link for link in links if re.match(r"\w+:|//", link)]
    assert not [tag for tag, _ in page.elements if tag in ("link", "iframe", "object", "base")]
    assert not re.search(r"url\(|@import", pages[name])
    style = (ROOT / "src/reinforcesight/pages/style.css").read_text().strip()
    assert style in pages[name]
    policies = [a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a]
    if name in SERVED:
        assert policies == []  # the server sends it
    else:
        assert [policy for policy in policies if policy.startswith("default-src 'none'")] == policies != []
    assert "ReinforceSight" in page.text


def test_the_page_of_a_begun_run_has_what_is_finished(pages: dict[str, str]) -> None:
    assert "Run in progress" in pages["begun"]
    assert "supervised fine-tuning" in pages["begun"]
    assert "Training questions" in pages["begun"]
    assert "Before and after" not in pages["begun"]


def test_the_page_exists_from_the_first_finished_stage_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "run.yaml"
    settings.write_text(f"extends: {ROOT / 'configs/quickstart.yaml'}\noutput: {tmp_path / 'run'}\n")
    config = load_config(RunConfig, settings)
    write_dataset(config.folder.dataset, {"train": make_rows(range(2), per_axis=1)})
    monkeypatch.setattr(worker, "_end_with_parent", lambda: None)
    monkeypatch.setattr(worker, "stage_named", lambda name: SimpleNamespace(work=lambda config: 0))
    assert worker.main([str(settings), "generate"]) == 0
    assert "Run in progress" in config.folder.page.read_text()
    config.folder.page.unlink()
    (config.folder.dataset / "manifest.json").write_text("[]")
    assert worker.main([str(settings), "generate"]) == 0
    assert "manifest.json" in capsys.readouterr().err


def test_pages_in_the_folder_of_a_run_link_to_its_page(tmp_path: Path) -> None:
    def link(page: Path) -> str:
        found = re.search(r'<a href="([./]*index.html)">← the whole run</a>', page.read_text())
        return found[1] if found else ""

    run = tmp_path / "run"
    dataset = write_dataset(run / "dataset", {"train": make_rows(range(2), per_axis=1)})
    assert link(write_gallery(dataset)) == ""
    for name in ("run.json", "config.yaml"):
        (run / name).write_text("{}")
    assert link(write_gallery(dataset)) == "../index.html"
    write_audit_report(AuditReport("x", 1, 1, (), (), {}), run / "audit" / "audit.html")
    assert link(run / "audit" / "audit.html") == "../index.html"
    grpo_pages(run / "grpo")
    assert link(run / "grpo" / "report.html") == "../index.html"
    assert link(next((run / "grpo" / "groups").iterdir())) == "../../index.html"
    save_page(run / "index.html", "grpo/pages/groups_index.html.j2", entries=[])
    assert link(run / "index.html") == ""


MEASURE = """
addEventListener("load", () => {
  const wide = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument.documentElement;
    if (page.scrollWidth > frame.clientWidth) wide.push(`${frame.title}: ${page.scrollWidth} > ${frame.clientWidth}`);
  }
  document.title = "measured; " + wide.join("; ");
});
"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_no_page_is_wider_than_the_window_or_reports_an_error(pages: dict[str, str], tmp_path: Path) -> None:
    frames = [
        f'<iframe title="{name} at {width}" style="border:0;width:{width}px" srcdoc="{html.escape(page)}"></iframe>'
        for name, page in pages.items()
        for width in (390, 1280)
    ]
    whole = tmp_path / "all.html"
    whole.write_text(f"<!doctype html><meta charset=utf-8><script>{MEASURE}</script>{''.join(frames)}")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
               "--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--window-size=1400,900",
               f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", str(whole)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    assert re.search(r"<title>(.*?)</title>", done.stdout)[1].strip() == "measured;"
    assert "CONSOLE" not in done.stderr
