"""The transformers engine on a tiny real model: batch size, memory, blind questions, broken pictures, resume."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from eval_samples import bench_rows, write_parquet

from reinforcesight.errors import ReinforceSightError
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.eval.results import read_results

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from reinforcesight.eval.engines.side_by_side import evaluate_side_by_side  # noqa: E402


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from safetensors.torch import load_file, save_file
    from tiny_models import build_tiny

    folder = build_tiny(tmp_path_factory.mktemp("tiny"), seed=3)
    # Fresh weights are so small that the model repeats its last token whatever it sees.
    file = folder / "model.safetensors"
    weights = {n: w * 12 if w.ndim > 1 and "embed" not in n else w for n, w in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = bench_rows(3, 3)
    for number, row in enumerate(rows):  # different lengths, so that padding matters
        row["prompt"] = "Look closely. " * (number % 4) + row["prompt"]
    return write_parquet(tmp_path_factory.mktemp("bench") / "test.parquet", rows)


def config(tiny: Path, bench: Path, output: Path, **more: Any) -> EvaluateConfig:
    return EvaluateConfig(
        model_path=str(tiny),
        benchmark=str(bench),
        output=output,
        **{"max_new_tokens": 6, "report": False, "protocol": "direct", **more},
    )


def answers(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def alone(tiny: Path, bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One question at a time: the reference."""
    output = tmp_path_factory.mktemp("alone") / "r.json"
    evaluate(config(tiny, bench, output, batch_size=1, blind=True))
    return output


def test_answers_do_not_depend_on_batch_size(tiny: Path, bench: Path, alone: Path, tmp_path: Path) -> None:
    evaluate(config(tiny, bench, tmp_path / "r.json", batch_size=5, blind=True))
    assert (tmp_path / "r.jsonl").read_bytes() == alone.with_suffix(".jsonl").read_bytes()
    given = answers(tmp_path / "r.jsonl")
    assert {a["variant"] for a in given} == {"plain", "blind"}
    assert len({a["response"] for a in given}) > len(given) / 2  # words and picture do matter to this model
    assert all(0 < a["tokens"] <= 6 for a in given)
    assert all(a["truncated"] == (a["tokens"] == 6) or a["tokens"] == 6 for a in given)


def test_the_model_is_described_and_identified(tiny: Path, bench: Path, alone: Path, tmp_path: Path) -> None:
    protocol = json.loads(alone.read_text())["protocol"]
    assert protocol["model"]["architecture"] == "Qwen2_5_VLForConditionalGeneration"
    assert protocol["model"]["dtype"] == "float32"
    moved = tmp_path / "moved"
    shutil.copytree(tiny, moved)
    shutil.copy(alone.with_suffix(".jsonl"), tmp_path / "r.jsonl")
    same = evaluate(config(moved, bench, tmp_path / "r.json", blind=True))
    assert same.run["new_answers"] == 0  # the same weights elsewhere are the same model
    from safetensors.torch import load_file, save_file

    weights = load_file(moved / "model.safetensors")
    name = sorted(weights)[len(weights) // 2]
    weights[name] = weights[name] + 0.5
    save_file(weights, moved / "model.safetensors", metadata={"format": "pt"})
    other = evaluate(config(moved, bench, tmp_path / "r.json"))
    assert other.run["new_answers"] == other.n_scored  # changed weights in the same folder are another one


def test_memory_running_out_halves_the_batch(
    tiny: Path, bench: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Qwen2_5_VLForConditionalGeneration as Model

    sizes: list[int] = []
    generate = Model.generate

    def scarce(self: Any, *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(kwargs["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(self, *args, **kwargs)

    monkeypatch.setattr(Model, "generate", scarce)
    evaluate(config(tiny, bench, tmp_path / "r.json", batch_size=8, blind=True))
    assert sizes[:3] == [8, 4, 2]
    assert max(sizes[2:]) == 2
    assert (tmp_path / "r.jsonl").read_bytes() == alone.with_suffix(".jsonl").read_bytes()


def test_memory_for_not_even_one_question(
    tiny: Path, bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Qwen2_5_VLForConditionalGeneration as Model

    def none(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Model, "generate", none)
    with pytest.raises(ReinforceSightError, match=r"single question.*max_pixels"):
        evaluate(config(tiny, bench, tmp_path / "r.json", batch_size=2, limit=2))


def test_a_broken_picture_does_not_stop_its_batch(tiny: Path, alone: Path, tmp_path: Path) -> None:
    rows = bench_rows(3, 3)
    for number, row in enumerate(rows):
        row["prompt"] = "Look closely. " * (number % 4) + row["prompt"]
    broken = rows[7]
    broken["image"] = {"bytes": broken["image"]["bytes"][:90], "path": None}
    path = write_parquet(tmp_path / "broken.parquet", rows)
    results = evaluate(config(tiny, path, tmp_path / "r.json", batch_size=4))
    assert [b.id for b in results.broken] == ["7"]
    assert results.exit_code == 1
    expected = [a for a in answers(alone.with_suffix(".jsonl")) if a["variant"] == "plain" and a["id"] != "7"]
    assert answers(tmp_path / "r.jsonl") == expected


def test_interrupted_between_batches(tiny: Path, bench: Path, alone: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from transformers import Qwen2_5_VLForConditionalGeneration as Model

    calls = 0
    generate = Model.generate

    def stops(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return generate(self, *args, **kwargs)

    monkeypatch.setattr(Model, "generate", stops)
    with pytest.raises(KeyboardInterrupt):
        evaluate(config(tiny, bench, tmp_path / "r.json", batch_size=4, blind=True))
    assert len(answers(tmp_path / "r.jsonl")) == 8
    monkeypatch.setattr(Model, "generate", generate)
    results = evaluate(config(tiny, bench, tmp_path / "r.json", batch_size=3, blind=True))
    # Two blind questions of the same words are one question to the model.
    assert results.run["new_answers"] == len({a["key"] for a in answers(tmp_path / "r.jsonl")}) - 8
    assert (tmp_path / "r.jsonl").read_bytes() == alone.with_suffix(".jsonl").read_bytes()


def test_models_side_by_side_give_the_results_of_one_by_one(
    tiny: Path, bench: Path, alone: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    parts = tuple(
        config(path, bench, tmp_path / f"{name}.json", batch_size=4, blind=True, baseline=baseline)
        for name, path, baseline in (("a", tiny, None), ("b", other, tmp_path / "a.json"))
    )
    # An earlier run was killed after four answers.
    lines = alone.with_suffix(".jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "a.jsonl").write_text("".join(lines[:4]))
    [found] = evaluate_side_by_side([parts], workers=2)
    assert [results.n_scored for results in found] == [12, 12]
    assert found[1].paired is not None
    assert found[1].paired.same_protocol
    assert (tmp_path / "a.jsonl").read_bytes() == alone.with_suffix(".jsonl").read_bytes()
    assert [a["response"] for a in answers(tmp_path / "b.jsonl")] == [
        a["response"] for a in answers(tmp_path / "a.jsonl")
    ]
    assert found[0].micro == read_results(alone).micro


def test_prompts_side_by_side_give_the_results_of_one_by_one(tiny: Path, bench: Path, tmp_path: Path) -> None:
    # Each prompt has its own token limit.
    both = {"protocol": "reason", "protocols": "direct,reason", "max_new_tokens": None, "batch_size": 4, "limit": 4}
    one_by_one = config(tiny, bench, tmp_path / "one" / "r.json", **both)
    together = config(tiny, bench, tmp_path / "two" / "r.json", **both)
    evaluate(one_by_one)
    [[results]] = evaluate_side_by_side([(together,)], workers=2)
    assert results.protocol["name"] == "reason"
    assert results.paired is not None
    for name in ("r.jsonl", "r.direct.jsonl"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert {a["tokens"] for a in answers(tmp_path / "two" / "r.direct.jsonl")} == {128}
    assert max(a["tokens"] for a in answers(tmp_path / "two" / "r.jsonl")) > 128
