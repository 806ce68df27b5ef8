import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import build_tiny
from training_support import changed, in_sections, row, write_dataset, write_split

from reinforcesight.config import load_config
from reinforcesight.errors import ConfigError, InputError, OutputError
from reinforcesight.jobs.record import RunRecord, read_metrics
from reinforcesight.model.chat import generate_text
from reinforcesight.model.load import ModelConfig, load_model
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.trainer import AnswerTrainer, train_sft
from reinforcesight.tuning.data import SpatialCollator, decode_picture, load_training_data
from reinforcesight.tuning.records.checkpoints import complete_checkpoints
from reinforcesight.tuning.settings.config import LoraOptions


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return str(write_dataset(tmp_path_factory.mktemp("data"), train=12, validation=4))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return {
        name: str(build_tiny(tmp_path_factory.mktemp(name), name)) for name in ("qwen2_5_vl", "qwen2_vl", "qwen3_vl")
    }


def settings(dataset, base, output, /, **changes):
    values = {
        "dataset": dataset,
        "model_path": base,
        "output": str(output),
        "max_steps": 2,
        "eval_steps": 2,
        "save_steps": 2,
        "logging_steps": 1,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 1,
        "evaluation": {"max_new_tokens": 4},
    }
    return in_sections(SftConfig, **(values | changes))


BF16 = {"bf16": True, "model": {"dtype": "bfloat16"}}
DRY_RUNS = {
    "float32-lora": ("qwen2_5_vl", {}),
    "float32-full": ("qwen2_5_vl", {"tuning": "full"}),
    "float32-lora-all": ("qwen2_5_vl", {"train_parts": "all"}),
    "bf16-lora": ("qwen2_5_vl", BF16),
    "bf16-full": ("qwen2_5_vl", {"bf16": True, "tuning": "full", "train_parts": "all"}),
    "8bit-lora": ("qwen2_5_vl", {"model": {"quantization": "8bit"}}),
    "8bit-bf16-lora": (
        "qwen2_5_vl",
        {"bf16": True, "model": {"dtype": "bfloat16", "quantization": "8bit"}},
    ),
    "4bit-bf16-lora": (
        "qwen2_5_vl",
        {"bf16": True, "model": {"dtype": "bfloat16", "quantization": "4bit"}},
    ),
    "qwen2-lora": ("qwen2_vl", BF16),
    "qwen2-full": ("qwen2_vl", {"tuning": "full"}),
    "qwen3-lora": ("qwen3_vl", {}),
    "qwen3-4bit": ("qwen3_vl", {"model": {"quantization": "4bit"}}),
}


@pytest.mark.parametrize("name", DRY_RUNS)
def test_two_steps(dataset, tiny, tmp_path, name):
    architecture, changes = DRY_RUNS[name]
    config = settings(dataset, tiny[architecture], tmp_path / "run", **changes)
    result = train_sft(config)
    assert (result.status, result.step, result.exit_code) == ("finished", 2, 0)
    record = RunRecord.load(tmp_path / "run")
    assert record is not None
    assert np.isfinite(record.content["results"]["final_training_loss"])
    loaded = load_model(ModelConfig(model_path=str(tmp_path / "run")))
    assert hasattr(loaded.model, "peft_config") == (config.tuning == "lora")


def test_gradients_reach_the_chosen_weights(dataset, tiny, tmp_path):
    for parts in ("language", "all"):
        output = tmp_path / parts
        train_sft(settings(dataset, tiny["qwen2_5_vl"], output, tuning="full", train_parts=parts))
        before = load_model(ModelConfig(model_path=tiny["qwen2_5_vl"])).model.state_dict()
        after = load_model(ModelConfig(model_path=str(output))).model.state_dict()
        moved = {("visual" if "visual" in n else "language") for n in before if not torch.equal(before[n], after[n])}
        assert moved == ({"language"} if parts == "language" else {"language", "visual"})


def test_overfits_32_examples(tmp_path):
    rng = np.random.default_rng(0)
    rows = [row(i, rng) for i in range(32)]
    (tmp_path / "data" / "data").mkdir(parents=True)
    for split in ("train", "validation"):
        write_split(tmp_path / "data", split, rows)
    texts = [r["prompt"][0]["content"] + r["completion"][0]["content"] for r in rows]
    model = str(build_tiny(tmp_path / "tiny", texts=texts, vocab_size=700))
    config = settings(
        str(tmp_path / "data"),
        model,
        tmp_path / "run",
        tuning="full",
        train_parts="all",
        max_steps=130,
        eval_steps=65,
        save_steps=65,
        learning_rate=3e-3,
        per_device_train_batch_size=16,
        gradient_checkpointing=False,
        evaluation={"max_new_tokens": 32, "batch_size": 32},
    )
    result = train_sft(config)
    assert result.accuracy is not None
    assert result.accuracy > 0.95
    # The published folder, loaded afresh, answers as the trainer's judge saw it.
    loaded = load_model(ModelConfig(model_path=str(tmp_path / "run")))
    data = load_training_data(str(tmp_path / "data")).train.select(range(4))
    raw = rows[:4]
    said = generate_text(
        loaded.model,
        loaded.processor,
        [r["prompt"][0]["content"] for r in raw],
        [decode_picture(r) for r in raw],
        32,
    )
    written = {
        line["id"]: line["text"] for line in _lines(tmp_path / "run" / "answers" / f"step-{result.best_step}.jsonl")
    }
    assert [s.text for s in said] == [written[i] for i in data["id"]]


def _lines(path: Path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(dataset, tiny, tmp_path_factory):
    output = tmp_path_factory.mktemp("finished") / "run"
    config = settings(dataset, tiny["qwen2_5_vl"], output, max_steps=6, save_steps=2, save_total_limit=1)
    return config, train_sft(config)


def test_record_metrics_and_curves(finished, dataset):
    config, result = finished
    output = Path(config.output)
    record = json.loads((output / "run_record.json").read_text())
    assert record["status"] == "finished"
    assert record["config"]["trainer"] == config.trainer
    assert record["data"]["fingerprint"] == load_training_data(dataset).description["fingerprint"]
    assert record["data"]["questions"] == {"train": 12, "validation": 4}
    assert record["seeds"] == {"training": 0, "evaluation": 0}
    assert record["model"]["versions"]["trl"]
    assert set(record["source"]) == {"commit", "uncommitted_changes"}
    [session] = record["sessions"]
    assert session["to_step"] == 6
    assert session["seconds"] > 0
    assert session["memory_peak"]["process_bytes"] > 1e6
    metrics = read_metrics(output)
    assert [line["step"] for line in metrics if "loss" in line] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in metrics if "eval_accuracy" in line] == [2, 4, 6]
    page = (output / "report.html").read_text()
    assert page.count("<svg") == 4
    assert not re.search(r"(src|href)=|<script|https?:", page)
    assert [f.name for f in sorted((output / "answers").iterdir())] == [f"step-{n}.jsonl" for n in (2, 4, 6)]
    # The latest one, and the best one.
    kept = {int(c.name.removeprefix("checkpoint-")) for c in complete_checkpoints(output)}
    assert kept == {6, result.best_step}


def test_the_model_card_holds_what_was_recorded(finished):
    config, _ = finished
    card = (Path(config.output) / "README.md").read_text()
    record = json.loads((Path(config.output) / "run_record.json").read_text())
    for words in (record["data"]["fingerprint"], "learning_rate: 0.0001", "| accuracy |", "12 questions"):
        assert words in card


def test_running_again_changes_nothing(finished):
    config, result = finished
    before = {f: f.stat().st_mtime_ns for f in Path(config.output).rglob("*")}
    assert train_sft(config) == result
    assert {f: f.stat().st_mtime_ns for f in Path(config.output).rglob("*")} == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rate": 1e-3}, "trainer.learning_rate was 0.0001, now 0.001"),
        ({"per_device_train_batch_size": 4}, "questions_per_step was 2, now 4"),
        ({"adam_beta2": 0.9}, "trainer.adam_beta2 was None, now 0.9"),
    ],
)
def test_other_arguments_are_refused(finished, changes, words):
    config, _ = finished
    with pytest.raises(OutputError, match=words):
        train_sft(changed(config, **changes))


def test_another_adapter_is_refused(finished):
    config, _ = finished
    with pytest.raises(OutputError, match=r"lora\.rank"):
        train_sft(config.model_copy(update={"lora": LoraOptions(rank=4)}))


def test_other_data_is_refused(finished, tmp_path):
    config, _ = finished
    other = write_dataset(tmp_path, train=12, validation=4, seed=9)
    with pytest.raises(OutputError, match="data"):
        train_sft(config.model_copy(update={"dataset": str(other)}))


def test_another_division_of_the_step_and_other_logging_are_the_same_run(finished):
    config, result = finished
    free = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2}
    assert train_sft(changed(config, **free, logging_steps=3, save_total_limit=None, run_name="x")) == result


def test_early_stopping_on_accuracy(dataset, tiny, tmp_path):
    config = settings(
        dataset, tiny["qwen2_5_vl"], tmp_path / "run", max_steps=20, eval_steps=1, save_steps=50,
        learning_rate=1e-9, evaluation={"max_new_tokens": 2, "patience": 2},
    )  # fmt: skip
    result = train_sft(config)
    assert (result.step, result.best_step) == (3, 1)


def test_without_a_validation_split_the_last_step_counts(tiny, tmp_path):
    dataset = write_dataset(tmp_path / "data", train=4, validation=0)
    result = train_sft(settings(str(dataset), tiny["qwen2_5_vl"], tmp_path / "run"))
    assert (result.best_step, result.accuracy) == (2, None)


def test_out_of_memory_keeps_the_steps_and_says_how_to_resume(dataset, tiny, tmp_path, monkeypatch):
    config = settings(dataset, tiny["qwen2_5_vl"], tmp_path / "run", max_steps=4, save_steps=4, eval_steps=4)
    whole = AnswerTrainer.training_step

    def failing(self, *args, **kwargs):
        if self.state.global_step == 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        return whole(self, *args, **kwargs)

    monkeypatch.setattr(AnswerTrainer, "training_step", failing)
    with pytest.raises(OutputError, match=r"step 2; checkpoint-2 is saved.*batch_size 1 .*accumulation_steps 2"):
        train_sft(config)
    monkeypatch.undo()
    assert json.loads((tmp_path / "run" / "run_record.json").read_text())["status"] == "failed"
    load_model(ModelConfig(model_path=str(tmp_path / "run" / "checkpoint-2")))
    result = train_sft(changed(config, per_device_train_batch_size=1, gradient_accumulation_steps=2))
    assert result.step == 4
    reference = settings(dataset, tiny["qwen2_5_vl"], tmp_path / "reference", max_steps=4, save_steps=4, eval_steps=4)
    train_sft(reference)
    steps = [
        [line["step"] for line in read_metrics(tmp_path / name) if "loss" in line] for name in ("run", "reference")
    ]
    assert steps[0] == steps[1]


def test_bad_rows_are_left_out_by_name(tiny, tmp_path, capsys):
    rows = [row(i, np.random.default_rng(i)) for i in range(8)]
    strip = io.BytesIO()
    Image.new("RGB", (800, 4)).save(strip, format="PNG")
    rows[2]["image"] = {"bytes": rows[2]["image"]["bytes"][:100], "path": "x.png"}
    rows[4]["image"] = {"bytes": strip.getvalue(), "path": "y.png"}
    rows[5]["completion"] = [{"role": "assistant", "content": " "}]
    # A placeholder is text like any other: the row stays.
    rows[6]["prompt"] = [{"role": "user", "content": "<|image_pad|>\n" + rows[6]["prompt"][0]["content"]}]
    (tmp_path / "data").mkdir()
    write_split(tmp_path, "train", rows)
    config = settings(str(tmp_path), tiny["qwen2_5_vl"], tmp_path / "run", max_steps=-1, num_train_epochs=2.0)
    result = train_sft(config)
    assert result.step == 6, "two epochs of five rows, two a step"
    left_out = RunRecord.load(tmp_path / "run").content["data"]["left_out"]
    assert left_out.keys() == {"row-00002", "row-00004", "row-00005"}
    assert "800x4" in left_out["row-00004"]
    assert left_out["row-00005"] == "the completion is empty"
    assert "left out: 3 of 8 rows of the split train can't be used: row-00002" in capsys.readouterr().err


def test_a_data_set_without_a_good_row_is_refused(tiny, tmp_path):
    rows = [row(i, np.random.default_rng(i)) | {"completion": []} for i in range(2)]
    (tmp_path / "data").mkdir()
    write_split(tmp_path, "train", rows)
    with pytest.raises(InputError, match="2 of 2 rows of the split train can't be used"):
        train_sft(settings(str(tmp_path), tiny["qwen2_5_vl"], tmp_path / "run"))


def test_a_run_whose_batches_end_early_is_not_finished(dataset, tiny, tmp_path, monkeypatch):
    def stops(self, examples):
        if any(example["id"] == "row-00007" for example in examples):
            raise StopIteration
        return collate(self, examples)

    collate = SpatialCollator.torch_call
    monkeypatch.setattr(SpatialCollator, "torch_call", stops)
    config = settings(dataset, tiny["qwen2_5_vl"], tmp_path / "run", max_steps=24)
    with pytest.raises(InputError, match=r"training ended at step .* of 24"):
        train_sft(config)
    assert RunRecord.load(tmp_path / "run").content["status"] == "failed"


def test_an_adapter_can_be_trained_further(finished, dataset, tmp_path):
    config, _ = finished
    result = train_sft(settings(dataset, config.output, tmp_path / "run"))
    adapter = json.loads((result.output / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == config.model_path


def test_shipped_configurations_are_valid():
    for name in ("sft_config.yaml", "sft_config_24gb.yaml"):
        config = load_config(SftConfig, Path(__file__).parents[2] / "configs" / name)
        assert config.result_settings(processes=1)["questions_per_step"] == 32


def test_options_that_do_not_go_together():
    with pytest.raises(ConfigError, match="quantised weights can't be trained"):
        load_config(SftConfig, flags={"dataset": "d", "tuning": "full"}, overrides=["model.quantization=4bit"])


def test_an_adapter_of_the_embedded_model_asks_no_hub(dataset, tmp_path, recwarn):
    train_sft(settings(dataset, "nano", tmp_path / "run", max_steps=1, eval_steps=1, save_steps=1))
    train_sft(settings(dataset, str(tmp_path / "run"), tmp_path / "more", max_steps=1, eval_steps=1, save_steps=1))
    assert not [str(w.message) for w in recwarn if "config" in str(w.message)]
    for folder in ("run", "more"):
        assert json.loads((tmp_path / folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "nano"
