import numpy as np
import pytest
import torch
from tiny_models import build_tiny
from training_support import row, write_dataset, write_split

from reinforcesight.errors import InputError
from reinforcesight.model.load import ModelConfig, load_model
from reinforcesight.tuning.data import (
    TRAINING_COLUMNS,
    SpatialCollator,
    decode_picture,
    encoded_rows,
    load_training_data,
    random_rows,
)

ARCHITECTURES = ("qwen2_5_vl", "qwen2_vl", "qwen3_vl")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data"), train=10, validation=6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loss_covers_exactly_the_completions_tokens(dataset, tmp_path, architecture):
    processor = load_model(ModelConfig(model_path=str(build_tiny(tmp_path, architecture)))).processor
    rows = encoded_rows(load_training_data(str(dataset)).train, TRAINING_COLUMNS)
    examples = [rows[i] for i in range(len(rows))]
    texts = [example["completion"][0]["content"] for example in examples]
    batch = SpatialCollator(processor, completion_only_loss=True)(examples)
    for ids, labels, mask, text in zip(
        batch["input_ids"], batch["labels"], batch["attention_mask"], texts, strict=True
    ):
        expected = processor.tokenizer(f"{text}<|im_end|>\n")["input_ids"]
        covered = labels != -100
        assert labels[covered].tolist() == expected
        # In one piece, at the end, over the very same inputs.
        first = int(covered.nonzero()[0])
        assert ids[first : first + len(expected)].tolist() == expected
        assert int(mask.sum()) == first + len(expected)
        assert not torch.isin(labels, torch.tensor(processor.image_token_id)).any()


@pytest.mark.parametrize("side", [28, 56, 700])
def test_picture_tokens_are_never_cut(tmp_path, side):
    loaded = load_model(ModelConfig(model_path=str(build_tiny(tmp_path / "m")), max_pixels=28 * 28 * 9))
    examples = [row(i, np.random.default_rng(i), side) for i in range(3)]
    batch = SpatialCollator(loaded.processor, completion_only_loss=True)(examples)
    expected = batch["image_grid_thw"].prod(dim=1) // 4
    assert (batch["input_ids"] == loaded.processor.image_token_id).sum(dim=1).tolist() == expected.tolist()
    assert int(expected.max()) <= 9
    output = loaded.model(**batch)
    assert torch.isfinite(output.loss)


def test_pictures_stay_encoded_until_a_batch_is_made(dataset):
    rows = encoded_rows(load_training_data(str(dataset)).train, TRAINING_COLUMNS)
    assert set(rows[0]["image"]) == {"bytes", "path"}
    assert decode_picture(rows[0]).size == (56, 56)


def test_the_questions_asked_are_fixed_by_their_seed_alone(dataset):
    validation = load_training_data(str(dataset)).validation
    first, again, other = (random_rows(validation, 3, seed)["id"] for seed in (0, 0, 1))
    assert list(first) == list(again) != list(other)
    assert len(random_rows(validation, 100, 0)) == 6


def test_fingerprint_follows_the_content(dataset, tmp_path):
    same = write_dataset(tmp_path / "same", train=10, validation=6)
    other = write_dataset(tmp_path / "other", train=10, validation=6, seed=1)
    prints = [load_training_data(str(d)).description["fingerprint"] for d in (dataset, same, other)]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize("content", [None, b"", b"not a picture", "cut"])
def test_a_broken_picture_is_named_by_its_row(content):
    broken = row(3, np.random.default_rng(0))
    whole = broken["image"]["bytes"]
    broken["image"] = None if content is None else {"bytes": whole[:150] if content == "cut" else content, "path": "x"}
    with pytest.raises(InputError, match="row-00003"):
        decode_picture(broken)


def test_what_is_wrong_with_a_data_set_is_said(dataset, tmp_path):
    with pytest.raises(InputError, match="no such data set"):
        load_training_data(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="train-"):
        load_training_data(str(tmp_path))
    rows = [row(0, np.random.default_rng(0))]
    del rows[0]["completion"]
    (tmp_path / "data").mkdir()
    write_split(tmp_path, "train", rows)
    with pytest.raises(InputError, match=r"missing columns \['completion'\]"):
        load_training_data(str(tmp_path))
    cut = tmp_path / "data" / "train-00000-of-00001.parquet"
    cut.write_bytes(cut.read_bytes()[:300])
    with pytest.raises(InputError, match="can't be read"):
        load_training_data(str(tmp_path))
