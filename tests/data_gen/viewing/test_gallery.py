"""The gallery page: complete, offline, escaped."""

from __future__ import annotations

import json
import re

import pytest
from small_dataset import change, make_rows, write_dataset

from reinforcesight.data_gen.viewing.gallery import write_gallery
from reinforcesight.errors import InputError
from reinforcesight.relations import Reason


@pytest.fixture(scope="module")
def rows():
    return make_rows(range(12), per_axis=4)


REJECTIONS = {
    "pairs": {
        "depth near_tie": {
            "count": 12,
            "samples": [{"source_id": "rendered-1", "subject": 1, "reference": 2, "anchor": None, "axis": "depth"}],
        },
        "tiny": {
            "count": 3,
            "samples": [{"source_id": "gone.jpg", "subject": "a <b>cup", "reference": "tray"}],
        },
    },
    "pictures": {"unreadable_picture": {"count": 1, "samples": [{"source_id": "x.jpg", "detail": "x.jpg: cut off"}]}},
    "annotations": {"crowd": {"count": 2, "samples": [{"source_id": "a.jpg", "detail": "annotation 3: a group"}]}},
}


def test_the_gallery_shows_every_relation_and_form(tmp_path, rows):
    write_dataset(tmp_path, {"train": rows[:150], "test": rows[150:]})
    (tmp_path / "rejections.json").write_text(json.dumps(REJECTIONS))
    page = write_gallery(tmp_path, samples=40)
    text = page.read_text()
    assert page.name == "gallery.html"
    assert text.count('<article class="card" data-relation') == 40
    for relation in ("left", "right", "above", "below", "in front", "behind", "closer", "farther"):
        assert f'data-relation="{relation}"' in text
    for form in ("cvbench", "cvbench_boxes", "yes_no", "which_object", "open"):
        assert f'data-form="{form}"' in text
    for role in ("subject", "reference", "anchor"):
        assert f'<rect class="{role}"' in text
    assert "near_tie</b>: 12" in text
    assert "too close to call" in text
    assert "x.jpg: cut off" in text
    assert "a &lt;b&gt;cup" in text
    rejected = text[text.index('class="rejected"') :]
    assert rejected.count("data:image/jpeg") == 1
    assert page.stat().st_size < 8_000_000


def test_every_reason_is_explained(tmp_path, rows):
    write_dataset(tmp_path, {"train": rows[:4]})
    pairs = {f"depth {reason}": {"count": 1, "samples": []} for reason in Reason}
    (tmp_path / "rejections.json").write_text(json.dumps({"pairs": pairs}))
    text = write_gallery(tmp_path).read_text()
    assert all(f"{reason}</b>: 1 – " in text for reason in pairs)


def test_nothing_is_loaded_from_elsewhere(tmp_path, rows):
    write_dataset(tmp_path, {"train": rows})
    text = write_gallery(tmp_path).read_text()
    for target in re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", text):
        assert target.startswith("data:")
    assert "default-src 'none'" in text


def test_the_same_data_and_seed_give_the_same_page(tmp_path, rows):
    write_dataset(tmp_path, {"train": rows})
    first = write_gallery(tmp_path, samples=10, seed=1).read_bytes()
    assert write_gallery(tmp_path, samples=10, seed=1).read_bytes() == first
    assert write_gallery(tmp_path, samples=10, seed=2).read_bytes() != first


def test_names_from_data_are_escaped(tmp_path, rows):
    evil = "<script>alert(1)</script>"
    write_dataset(tmp_path, {"train": [change(rows[0], question=evil, source_id=evil, choices=(evil, "b"))]})
    text = write_gallery(tmp_path).read_text()
    assert evil not in text
    assert text.count("&lt;script&gt;alert(1)") == 3


def test_broken_rows_and_files_are_named_on_the_page(tmp_path, rows):
    bad = [change(rows[0], image=b"no picture"), change(rows[1], scene="{"), change(rows[2], evidence="[]")]
    write_dataset(tmp_path, {"train": bad, "test": rows[3:9]})
    (tmp_path / "data/validation-00000-of-00001.parquet").write_bytes(b"PAR1 cut off")
    (tmp_path / "rejections.json").write_text("{")
    text = write_gallery(tmp_path).read_text()
    assert "the picture can&#39;t be read" in text
    assert text.count("scene or evidence can&#39;t be read") == 2
    assert "validation-00000-of-00001.parquet" in text
    assert "rejections.json can&#39;t be read" in text
    assert text.count('<article class="card" data-relation') == 9


def test_more_samples_than_rows_and_no_data_set(tmp_path, rows):
    write_dataset(tmp_path / "a", {"train": rows[:3]})
    assert write_gallery(tmp_path / "a").read_text().count('<article class="card" data-relation') == 3
    with pytest.raises(InputError, match="no such data set"):
        write_gallery(tmp_path / "b")
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError, match="no Parquet file"):
        write_gallery(tmp_path / "c")
