import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from tiny_models import build_tiny
from training_support import in_sections, row, run_python, write_dataset

from reinforcesight.errors import OutputError
from reinforcesight.export.merged_model import to_merged_model
from reinforcesight.jobs.record import RunRecord
from reinforcesight.model.card import write_model_card
from reinforcesight.model.chat import chat_text, encode
from reinforcesight.model.load import ModelConfig, load_model
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.trainer import train_sft
from reinforcesight.tuning.data import decode_picture

# What someone without this project would write; torchvision is absent, so the picture comes processed.
PLAIN = """
import sys, torch
from transformers import AutoModelForImageTextToText, AutoTokenizer
folder, tensors, out = sys.argv[1:]
model = AutoModelForImageTextToText.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
batch = torch.load(tensors, weights_only=True)
with torch.no_grad():
    torch.save(model(**batch).logits, out)
assert tokenizer.decode(batch["input_ids"][0]).startswith("<|im_start|>user")
assert not any(name.startswith("reinforcesight") for name in sys.modules)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    base = build_tiny(folder / "base")
    config = in_sections(
        SftConfig,
        dataset=str(write_dataset(folder / "data", train=8, validation=2)),
        model_path=str(base),
        output=str(folder / "run"),
        max_steps=3,
        eval_steps=3,
        save_steps=3,
        learning_rate=0.05,
        warmup_steps=0,
        evaluation={"max_new_tokens": 2},
    )
    train_sft(config)
    return base, folder / "run"


def example_batch(loaded):
    example = row(0, np.random.default_rng(0))
    text = chat_text(loaded.processor, example["prompt"])
    return dict(encode(loaded.processor, [text], [decode_picture(example)]))


def test_merged_model_gives_the_adapters_logits_in_plain_transformers(trained, tmp_path):
    base, run = trained
    exported = to_merged_model(run, tmp_path / "merged")
    assert exported.folder == tmp_path / "merged"
    adapter = load_model(ModelConfig(model_path=str(run)))
    batch = example_batch(adapter)
    torch.save(batch, tmp_path / "batch.pt")
    run_python(PLAIN, str(tmp_path / "merged"), str(tmp_path / "batch.pt"), str(tmp_path / "logits.pt"))
    with torch.no_grad():
        expected = adapter.model(**batch).logits
        untrained = load_model(ModelConfig(model_path=str(base))).model(**batch).logits
    plain = torch.load(tmp_path / "logits.pt", weights_only=True)
    assert torch.allclose(plain, expected, atol=1e-4)
    assert not torch.allclose(plain, untrained, atol=1e-2)
    # The project loads it as any other checkpoint, and its processor files are the base's own.
    assert load_model(ModelConfig(model_path=str(tmp_path / "merged"))).description["adapter"] is None
    for name in ("processor_config.json", "tokenizer.json", "chat_template.jinja"):
        assert (tmp_path / "merged" / name).read_bytes() == (base / name).read_bytes()
    assert not list((tmp_path / "merged").glob("adapter*"))
    assert not list((tmp_path / "merged").glob("*.bin"))


def test_card_is_made_from_the_run_record(trained, tmp_path):
    _, run = trained
    to_merged_model(run, tmp_path / "merged")
    _, header, body = (tmp_path / "merged" / "README.md").read_text().split("---\n", maxsplit=2)
    assert yaml.safe_load(header)["pipeline_tag"] == "image-text-to-text"
    record = json.loads((run / "run_record.json").read_text())
    assert body.startswith("# merged\n")
    for words in (
        record["data"]["fingerprint"],
        "learning_rate: 0.05",
        f"| accuracy | {record['results']['accuracy']:.3f} |",
    ):
        assert words in body


def test_a_checkpoint_of_a_run_can_be_exported_too(trained, tmp_path):
    _, run = trained
    to_merged_model(run / "checkpoint-3", tmp_path / "merged")
    assert "learning_rate: 0.05" in (tmp_path / "merged" / "README.md").read_text()


def test_the_picture_bounds_of_training_are_kept(trained, tmp_path):
    base, run = trained
    shutil.copytree(run, tmp_path / "run")
    file = tmp_path / "run" / "processor_config.json"
    content = json.loads(file.read_text())
    content["image_processor"]["size"] = {"shortest_edge": 3136, "longest_edge": 50176}
    file.write_text(json.dumps(content))
    (tmp_path / "run" / "checkpoint_files.json").unlink()  # changed on purpose
    to_merged_model(tmp_path / "run", tmp_path / "merged")
    processor = load_model(ModelConfig(model_path=str(tmp_path / "merged"))).processor
    assert dict(processor.image_processor.size) == {"shortest_edge": 3136, "longest_edge": 50176}
    # With the bounds of the base its files are copied as they are.
    to_merged_model(run, tmp_path / "same")
    assert (tmp_path / "same/processor_config.json").read_bytes() == (base / "processor_config.json").read_bytes()


def test_bf16_base_stays_bf16(trained, tmp_path):
    base, run = trained
    half = load_model(ModelConfig(model_path=str(base), dtype="bfloat16"))
    half.model.save_pretrained(tmp_path / "half")
    half.processor.save_pretrained(tmp_path / "half")
    for file in run.glob("adapter*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings | {"base_model_name_or_path": "half"}))
    to_merged_model(tmp_path, tmp_path / "merged")
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["dtype"] == "bfloat16"


def test_output_in_use_is_left_alone(trained, tmp_path):
    _, run = trained
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        to_merged_model(run, tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["kept.txt"]


def test_a_failed_upload_keeps_the_model(trained, tmp_path, monkeypatch):
    _, run = trained
    monkeypatch.setenv("HF_TOKEN", "none")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OutputError, match="the upload failed"):
        to_merged_model(run, tmp_path / "merged", push_to_hub="owner/name")
    load_model(ModelConfig(model_path=str(tmp_path / "merged")))


def test_the_card_tells_the_scheduler_with_its_arguments_where_it_has_some(tmp_path):
    def lines(**recipe):
        write_model_card(RunRecord(tmp_path, {"command": "sft", "recipe": recipe}), tmp_path)
        return (tmp_path / "README.md").read_text().splitlines()

    told = lines(lr_scheduler_type="cosine_with_min_lr", lr_scheduler_kwargs={"min_lr_rate": 0.4})
    assert "- lr_scheduler_kwargs: {'min_lr_rate': 0.4}" in told
    assert not [line for line in lines(lr_scheduler_kwargs={}) if "lr_scheduler_kwargs" in line]
