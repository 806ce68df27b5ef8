"""Uploads, against a hub on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_hub import fake_hub

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.errors import OutputError
from reinforcesight.hub import push_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n\ntext\n")
    (tmp_path / "data" / "train.parquet").write_bytes(b"PAR1")
    (tmp_path / ".secret").write_text("no")
    return tmp_path


def test_chosen_files_are_uploaded_to_a_private_repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_hub(monkeypatch) as hub:
        address = push_folder(folder, "owner/name", kind="dataset", only=["data/*.parquet", "README.md"])
        assert address == f"{hub.address}/datasets/owner/name"
    assert hub.created[0]["organization"] == "owner"
    assert hub.created[0]["visibility"] == "private"
    assert hub.created[0]["type"] == "dataset"
    assert hub.files["datasets/owner/name"] == {
        "README.md": b"---\nlicense: mit\n---\n\ntext\n",
        "data/train.parquet": b"PAR1",
    }


def test_a_card_that_the_hub_refuses_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_hub(monkeypatch) as hub:
        hub.refuse_cards = True
        with pytest.raises(OutputError, match="not valid"):
            push_folder(folder, "owner/name", kind="model")
    assert hub.files == {}


def test_no_connection_is_one_line_and_keeps_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(OutputError, match="the upload failed, all files are in"):
        push_folder(folder, "owner/name", kind="dataset")
    assert (folder / "data" / "train.parquet").exists()


def test_generate_pushes_a_finished_set_and_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trimesh")
    config = GenerateConfig(output=tmp_path / "set", num_samples=20, workers=1, picture_size=(128, 96))
    assert generate(config).state == "finished"
    with fake_hub(monkeypatch) as hub:
        again = config.model_copy(update={"push_to_hub": "owner/set", "hub_private_repo": False})
        assert generate(again).state == "already_finished"
    assert hub.created[0]["visibility"] == "public"
    pushed = hub.files["datasets/owner/set"]
    assert {"README.md", "manifest.json", "gallery.html"} <= set(pushed)
    assert any(name.startswith("data/train-") for name in pushed)
    assert hub.cards
    assert hub.cards[0].startswith("---\nlicense")
