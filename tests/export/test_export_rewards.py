"""Exports to r1_vlm, EasyR1 and verl: the data in their form, and the reward through their calls."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from small_dataset import make_rows, write_dataset

from reinforcesight.cli import run
from reinforcesight.data_gen.dataset.rows import Row
from reinforcesight.errors import InputError
from reinforcesight.export.gold import gold_record
from reinforcesight.grpo.reward import PART_NAMES, score_completion


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return make_rows(range(4))


@pytest.fixture(scope="module")
def dataset(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"), {"train": rows[:24], "validation": rows[24:]})


def exported(to: str, dataset: Path, folder: Path) -> Path:
    assert run(["export", "--to", to, "--dataset", str(dataset), "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def r1_vlm(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported("r1_vlm", dataset, tmp_path_factory.mktemp("r1_vlm"))


@pytest.fixture(scope="module")
def easyr1(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported("easyr1", dataset, tmp_path_factory.mktemp("easyr1"))


def loaded(path: Path) -> ModuleType:
    """The file as these trainers load it: by path, under a name of their own."""
    spec = importlib.util.spec_from_file_location("custom_reward_fn", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def columns(row: Row) -> dict[str, Any]:
    return {
        "question": row.question,
        "choices": list(row.choices),
        "answer": row.answer,
        "scene": row.scene,
        "evidence": row.evidence,
    }


def attempts(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """A batch with different gold answers: each row's own target, and the target with the other letter."""
    batch, texts = [], []
    for row in rows:
        other = "(B)" if row.answer == "(A)" else "(A)"
        target = row.completion
        for text in (
            target,
            target.replace(f"<answer>{row.answer}", f"<answer>{other}"),
            "<think></think>(A) and (B)",
        ):
            batch.append(row)
            texts.append(text)
    assert len({row.answer for row in batch}) > 1
    return batch, texts


def expected(batch: list[Row], texts: list[str], part: str) -> list[float]:
    scored = [getattr(score_completion(text, columns(row)), part) for row, text in zip(batch, texts, strict=True)]
    return [0.0 if value is None else value for value in scored]


def conversations(folder: Path, batch: list[Row]) -> list[list[dict[str, Any]]]:
    """Prompts as r1_vlm has them when it asks for rewards: empty keys dropped, the picture put in."""
    from datasets import load_dataset

    data = load_dataset(str(folder), split="train", cache_dir=str(folder / "cache"))
    prompts = {item["id"]: item["messages"] for item in data}
    return [
        [
            {**m, "content": [{k: v for k, v in part.items() if v is not None} for part in m["content"]]}
            for m in prompts[row.id]
        ]
        for row in batch
    ]


def test_r1_vlm_data(r1_vlm: Path, rows: list[Row]) -> None:
    from datasets import load_dataset

    data = load_dataset(str(r1_vlm), cache_dir=str(r1_vlm / "cache"))
    assert {name: len(part) for name, part in data.items()} == {"train": 24, "validation": len(rows) - 24}
    first = data["train"][0]
    user, assistant = first["messages"]
    assert [part["type"] for part in user["content"]] == ["image", "text"]
    # r1_vlm replaces just this, and asks image["image"] of picture parts alone.
    assert user["content"][0]["image"] == "IMAGE_PLACEHOLDER"
    assert user["content"][1]["text"] == rows[0].prompt
    assert user["content"][1]["image"] is None
    assert assistant["content"] == [{"type": "text", "text": "<think>", "image": None, "gold": None}]
    assert first["image"].size == (160, 120)
    assert first["choices"] == list(rows[0].choices)


@pytest.mark.parametrize("newer", [True, False])
def test_r1_vlm_rewards_give_the_same_numbers(r1_vlm: Path, rows: list[Row], newer: bool) -> None:
    batch, texts = attempts(rows[:24])
    rubric = loaded(r1_vlm / "rewards.py")
    generated = [text.removeprefix("<think>") for text in texts]
    asked: dict[str, Any] = {"prompts": conversations(r1_vlm, batch)}
    asked["completions"] = [[{"role": "assistant", "content": f"<think>{text}"}] for text in generated]
    if newer:
        asked["completions_messages"] = [
            [{"role": "assistant", "content": [{"type": "text", "text": text}]}] for text in generated
        ]
    functions, weights = rubric.get_rubric_with_parts()
    assert [f.__name__ for f in functions] == ["total", *PART_NAMES]
    assert weights == [1.0] + [0.0] * len(PART_NAMES)
    own = {name: [columns(row)[name] for row in batch] for name in columns(batch[0])}
    for function in functions:
        values = function(**asked, **own)
        assert values == expected(batch, texts, function.__name__)
        assert all(isinstance(value, float) for value in values)
    (total,) = rubric.get_rubric()
    assert len(set(total(**asked, **own))) > 1
    # The trainer's main branch repeats the first row's columns for the whole batch: nothing changes.
    repeated = {name: [columns(batch[0])[name]] * len(batch) for name in own}
    assert total(**asked, **repeated, prompts_text=[""] * len(batch)) == expected(batch, texts, "total")


def test_r1_vlm_completion_already_in_the_prompt(r1_vlm: Path, rows: list[Row]) -> None:
    """One process alone: the environment appends to the very list that the trainer passes on as the prompt."""
    batch, texts = attempts(rows[:2])
    prompts = conversations(r1_vlm, batch)
    for prompt, text in zip(prompts, texts, strict=True):
        said = text.removeprefix("<think>")
        prompt.append({"role": "assistant", "content": [{"type": "text", "text": said}]})
    twice = [[{"role": "assistant", "content": 2 * text}] for text in texts]
    total = loaded(r1_vlm / "rewards.py").total
    assert total(prompts=prompts, completions=twice) == expected(batch, texts, "total")


def test_r1_vlm_columns_of_another_question_are_refused(r1_vlm: Path, rows: list[Row]) -> None:
    """Without the record in the prompt, first-row columns would grade wrongly, so they raise."""
    batch, texts = attempts(rows[:6])
    prompts = [[{"role": "user", "content": [{"type": "text", "text": row.prompt}]}] for row in batch]
    total = loaded(r1_vlm / "rewards.py").total
    own = {name: [columns(row)[name] for row in batch] for name in columns(batch[0])}
    assert total(prompts=prompts, completions=texts, **own) == expected(batch, texts, "total")
    repeated = {name: [columns(batch[0])[name]] * len(batch) for name in own}
    with pytest.raises(InputError, match="another question"):
        total(prompts=prompts, completions=texts, **repeated)
    with pytest.raises(InputError, match="carries no record"):
        total(prompts=prompts, completions=texts)


def test_easyr1_data(easyr1: Path, rows: list[Row]) -> None:
    from datasets import load_dataset

    # EasyR1 and verl both load the file as given and take the split "train" of it.
    files = str(easyr1 / "validation.parquet")
    data = load_dataset("parquet", data_files=files, split="train", cache_dir=str(easyr1 / "cache"))
    first, row = data[0], rows[24]
    assert first["prompt"] == f"<image>{row.prompt}"
    assert first["prompt"].count("<image>") == len(first["images"]) == 1
    assert first["images"][0].size == (160, 120)
    assert first["messages"] == [{"role": "user", "content": first["prompt"]}]
    assert first["reward_model"] == {"style": "rule", "ground_truth": first["answer"]}
    assert json.loads(first["answer"]) == columns(row)
    assert (first["data_source"], first["ability"]) == ("reinforcesight", row.task)
    assert first["extra_info"]["index"] == 0
    assert first["extra_info"]["id"] == row.id
    assert (
        data[len(data) - 1]["extra_info"] | {"index": len(data) - 1, "split": "validation"}
        == (data[len(data) - 1]["extra_info"])
    )


def test_compute_score_gives_the_same_numbers(easyr1: Path, rows: list[Row]) -> None:
    import pyarrow.parquet as pq

    stored = pq.read_table(easyr1 / "train.parquet", columns=["answer", "extra_info"]).to_pylist()
    truths = {item["extra_info"]["id"]: item["answer"] for item in stored}
    batch, texts = attempts(rows[:24])
    gold = [truths[row.id] for row in batch]
    module = loaded(easyr1 / "compute_score.py")
    assert module.REWARD_TYPE == "batch"
    inputs = [
        {"response": text, "response_length": len(text), "ground_truth": truth}
        for text, truth in zip(texts, gold, strict=True)
    ]
    scores = module.compute_score(inputs)
    for name in ("overall", *PART_NAMES):
        part = "total" if name == "overall" else name
        assert [score[name] for score in scores] == expected(batch, texts, part)
    assert module.compute_score(inputs[1]) == scores[1]
    single = [
        module.compute_score(
            data_source="reinforcesight", solution_str=text, ground_truth=truth, extra_info={"index": 0}
        )
        for text, truth in zip(texts, gold, strict=True)
    ]
    assert [score["score"] for score in single] == expected(batch, texts, "total")
    batched = module.compute_score(
        data_sources=["reinforcesight"] * len(batch),
        solution_strs=texts,
        ground_truths=gold,
        extra_infos=[{}] * len(batch),
    )
    assert batched == single
    assert module.compute_score("reinforcesight", texts[0], gold[0], {}) == single[0]


@pytest.mark.parametrize("truth", ["(A)", "[1]", "{}", None])
def test_compute_score_wants_the_exported_record(easyr1: Path, truth: str | None) -> None:
    module = loaded(easyr1 / "compute_score.py")
    with pytest.raises(InputError, match="ground truth"):
        module.compute_score([{"response": "x", "response_length": 1, "ground_truth": truth}])


def test_ground_truths_must_match_in_number(easyr1: Path) -> None:
    with pytest.raises(InputError, match="2 completions came with 1"):
        loaded(easyr1 / "compute_score.py").compute_score(solution_strs=["a", "b"], ground_truths=["{}"])


SCORE = """
import json, pathlib, runpy, sys
sys.path.append(sys.argv[1])  # site-packages without the links to this checkout
module = runpy.run_path(sys.argv[2])
import reinforcesight, inflect
folder = pathlib.Path(sys.argv[2]).parent / "reward_code"
assert folder in pathlib.Path(reinforcesight.__file__).parents
text, truth = json.loads(sys.stdin.read())
if "compute_score" in module:
    print(json.dumps(module["compute_score"](
        data_source="reinforcesight", solution_str=text, ground_truth=truth, extra_info={}, reward_router_address=None
    )))
else:
    prompt = [{"role": "user", "content": [{"type": "text", "text": "?", "gold": truth}]}]
    print(json.dumps({"score": module["total"]([prompt], [text])[0]}))
"""


@pytest.mark.parametrize("name", ["r1_vlm/rewards.py", "easyr1/compute_score.py"])
def test_rewards_run_where_this_package_is_not_installed(
    r1_vlm: Path, easyr1: Path, rows: list[Row], name: str
) -> None:
    path = {"r1_vlm": r1_vlm, "easyr1": easyr1}[name.split("/")[0]] / name.split("/")[1]
    row = rows[2]
    command = [sys.executable, "-S", "-E", "-c", SCORE, str(Path(pytest.__file__).parents[1]), str(path)]
    given = json.dumps([row.completion, gold_record(columns(row))])
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=given)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["score"] == score_completion(row.completion, columns(row)).total
    assert (path.parent / "reward_code/inflect/LICENSE").is_file()
    (alone := path.with_name("alone")).mkdir()
    (alone / path.name).write_text(path.read_text())
    done = subprocess.run(
        [*command[:-1], str(alone / path.name)], capture_output=True, text=True, check=False, input=""
    )
    assert "keep the folder reward_code next to this file" in done.stderr


def test_exported_modules_stay_light(r1_vlm: Path) -> None:
    """They run inside other trainers' environments, so they must not bring a stack of their own."""
    code = f"import sys, runpy; runpy.run_path({str(r1_vlm / 'rewards.py')!r}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
