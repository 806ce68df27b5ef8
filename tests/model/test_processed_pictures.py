"""Equal pictures are processed once, with the tensors of processing each."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from PIL import Image
from tiny_models import build_tiny

from reinforcesight.model import processed_pictures
from reinforcesight.model.chat import chat_text, encode, user_message
from reinforcesight.model.load import find_source
from reinforcesight.model.options import ModelConfig
from reinforcesight.model.processor import load_processor

SIZES = ((56, 56), (84, 56), (56, 84))


def picture(colour: int) -> Image.Image:
    image = Image.new("RGB", SIZES[colour % 3], (colour % 256, 90, 200 - colour // 256))
    image.paste((colour * 70 % 255, 10, 30), (5, 5, 30, 20 + colour % 10))
    return image


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def processor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("model")
    build_tiny(folder, request.param)
    config = ModelConfig(model_path=str(folder))
    return load_processor(find_source(config), config)


@pytest.fixture
def seen(processor: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of pictures that the image processor got, one for each call; nothing is known at the start."""
    counts: list[int] = []
    kind = type(processor.image_processor)
    whole = kind._preprocess

    def counting(self: Any, images: Any, *args: Any, **kwargs: Any) -> Any:
        counts.append(len(images))
        return whole(self, images, *args, **kwargs)

    monkeypatch.setattr(kind, "_preprocess", counting)
    processed_pictures._known.clear()
    monkeypatch.setattr(processed_pictures, "_bytes", 0)
    return counts


def encoded(processor: Any, colours: list[int]) -> Any:
    texts = [chat_text(processor, [user_message(f"What is it? {i}")], with_image=True) for i in range(len(colours))]
    return encode(processor, texts, [picture(colour) for colour in colours])


def stock(processor: Any, colours: list[int]) -> dict[str, torch.Tensor]:
    """The tensors of each picture alone, as a processor that knows nothing gives them."""
    parts = [processor.image_processor([picture(colour)], return_tensors="pt") for colour in colours]
    return {name: torch.cat([part[name] for part in parts]) for name in ("pixel_values", "image_grid_thw")}


def test_tensors_are_those_of_processing_each(processor: Any, seen: list[int]) -> None:
    batches = ([0, 1, 2], [2, 2, 0], [3, 0, 3, 3, 1], [4, 4])
    found = [encoded(processor, colours) for colours in batches]
    assert seen == [3, 1, 1]
    for colours, batch in zip(batches, found, strict=True):
        wanted = stock(processor, colours)
        assert torch.equal(batch["pixel_values"], wanted["pixel_values"])
        assert torch.equal(batch["image_grid_thw"], wanted["image_grid_thw"])
        tokens = (batch["input_ids"] == processor.image_token_id).sum(1)
        per_token = processor.image_processor.merge_size**2
        assert tokens.tolist() == (wanted["image_grid_thw"].prod(1) // per_token).tolist()


def test_another_setting_is_another_result(processor: Any, seen: list[int]) -> None:
    encoded(processor, [0])
    other = copy.deepcopy(processor)
    other.image_processor.image_mean = [0.1, 0.2, 0.3]
    batch = encoded(other, [0])
    assert seen == [1, 1]
    assert torch.equal(batch["pixel_values"], stock(other, [0])["pixel_values"])


def test_what_was_kept_first_is_dropped(processor: Any, seen: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    size = encoded(processor, [0])["pixel_values"].nbytes
    monkeypatch.setattr(processed_pictures, "_MOST_BYTES", 64 * 4 * size)
    for colour in range(300):
        encoded(processor, [colour])
    assert processed_pictures._bytes <= 64 * 4 * size
    assert sum(part.patches.nbytes for part in processed_pictures._known.values()) == processed_pictures._bytes
    seen.clear()
    encoded(processor, [299])
    assert seen == []
    encoded(processor, [0])
    assert seen == [1]


def test_a_processor_can_be_pickled(processor: Any) -> None:
    again = pickle.loads(pickle.dumps(processor))  # as for spawned data workers
    assert torch.equal(encoded(again, [1, 1])["pixel_values"], stock(processor, [1, 1])["pixel_values"])
