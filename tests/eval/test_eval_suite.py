"""Several benchmarks in one call: results of each, one table, baselines by name, and one that can't be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eval_samples import bench_rows, replay, write_answers, write_published

from reinforcesight.errors import ConfigError, InputError
from reinforcesight.eval.benchmarks.suite import Suite, evaluate_benchmarks
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.results import read_results
from reinforcesight.preflight import check_evaluate


@pytest.fixture
def two(tmp_path: Path) -> str:
    for name, seed in (("one", 0), ("two", 1)):
        write_published(tmp_path / name, bench_rows(6, 6, seed=seed), "split")
    return f"{tmp_path / 'one'},cv-bench={tmp_path / 'two'}"


def run(folder: Path, benchmarks: str, title: str, right: float, **more: object) -> Suite:
    for key, seed in (("one", 0), ("cv-bench", 1)):
        write_answers(folder / f"{title}.log.{key}.jsonl", bench_rows(6, 6, seed=seed), right=right)
    answers, output = folder / f"{title}.log.jsonl", folder / f"{title}.json"
    config = replay(benchmarks, answers, output, tasks="all", title=title, report=True, **more)
    check_evaluate(config, thorough=True)
    suite = evaluate_benchmarks(config)
    assert isinstance(suite, Suite)
    return suite


def test_results_of_each_and_one_table(tmp_path: Path, two: str) -> None:
    base = run(tmp_path, two, "base", 0.4)
    tuned = run(tmp_path, two, "tuned", 0.9, baseline=tmp_path / "base.json")
    assert tuned.exit_code == 0
    assert list(tuned.benchmarks) == ["one", "cv-bench"]
    for key, row in tuned.benchmarks.items():
        results = read_results(tmp_path / row.file)
        assert row.file == f"tuned.{key}.json"
        assert (row.micro, row.figures["CV-Bench"]) == (results.micro, results.official.cv_bench)
        assert row.fingerprint == base.benchmarks[key].fingerprint == results.protocol["benchmark"]["fingerprint"]
        assert results.paired is not None
        assert results.paired.path == str(tmp_path / f"base.{key}.json")
        assert row.paired is not None
        assert row.p_adjusted is not None
        assert row.p_adjusted >= row.paired.p_value
        assert (tmp_path / f"tuned.{key}.html").exists()
    assert Suite.model_validate_json((tmp_path / "tuned.json").read_bytes()) == tuned
    page, table = (tmp_path / "tuned.html").read_text(), (tmp_path / "tuned.md").read_text()
    shown = f"{100 * tuned.benchmarks['one'].figures['CV-Bench'].accuracy:.1f} %"
    assert shown in page
    assert shown in table
    assert 'href="tuned.cv-bench.html"' in page
    with pytest.raises(InputError, match=r"several benchmarks.*tuned\.NAME\.json"):
        read_results(tmp_path / "tuned.json")


def test_one_that_cannot_be_read(tmp_path: Path, two: str, capsys: pytest.CaptureFixture[str]) -> None:
    where = f"{two},blink={tmp_path / 'one'}"
    write_answers(tmp_path / "m.log.jsonl", bench_rows(), right=1)
    with pytest.raises(InputError, match="does not hold BLINK"):
        run(tmp_path, where, "m", 1.0)  # found beforehand with --preflight
    config = replay(where, tmp_path / "m.log.jsonl", tmp_path / "m.json", tasks="all", report=True)
    suite = evaluate_benchmarks(config)
    assert isinstance(suite, Suite)
    assert suite.exit_code == 1
    assert "does not hold BLINK" in suite.benchmarks["blink"].problem
    assert suite.benchmarks["one"].n_scored == suite.benchmarks["cv-bench"].n_scored == 36
    assert "does not hold BLINK" in (tmp_path / "m.md").read_text()
    assert "does not hold BLINK" in capsys.readouterr().err
    with pytest.raises(InputError, match="no such benchmark"):
        evaluate_benchmarks(config.model_copy(update={"benchmark": "nowhere,nothing"}))


def test_what_is_refused(tmp_path: Path, two: str) -> None:
    run(tmp_path, two, "base", 0.4)
    config = EvaluateConfig(model_path="m", benchmark=f"{two},blink", baseline=tmp_path / "base.json")
    with pytest.raises(ConfigError, match=r"no results of blink.*base\.blink\.json"):
        config.of_each_benchmark()
    for names, problem in (("vsr,vsr=x", "two benchmarks are called 'vsr'"), ("vsr,,mmvp", "a name is empty")):
        with pytest.raises(ConfigError, match=problem):
            config.model_copy(update={"benchmark": names}).of_each_benchmark()
    with pytest.raises(ConfigError, match="a revision is for one benchmark"):
        config.model_copy(update={"benchmark_revision": "v1"}).of_each_benchmark()
    odd = tmp_path / "a,b"
    odd.mkdir()
    assert list(config.model_copy(update={"benchmark": str(odd)}).of_each_benchmark()) == ["a-b"]


def test_a_model_is_loaded_once(tmp_path: Path, two: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Engine:
        name, identity, by_id, description = "fixed", "x", False, {}

        def answer(self, requests):
            from reinforcesight.eval.answers import Response

            yield from ((index, Response("(A)")) for index in range(len(requests)))

    monkeypatch.setattr("reinforcesight.eval.benchmarks.suite.make_engine", lambda *_: made.append(1) or Engine())
    config = EvaluateConfig(model_path="m", benchmark=two, output=tmp_path / "r.json", report=False)
    suite = evaluate_benchmarks(config)
    assert len(made) == 1
    assert isinstance(suite, Suite)
    stored = json.loads((tmp_path / "r.cv-bench.json").read_text(encoding="utf-8"))
    assert stored["letters_given"] == {"A": suite.benchmarks["cv-bench"].n_scored}
