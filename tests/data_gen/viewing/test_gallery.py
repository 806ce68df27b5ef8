"""The gallery page and the local browser: complete, offline, escaped, and confined to the data set."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading

import pytest
from small_dataset import change, make_rows, write_dataset

from reinforcesight.data_gen.viewing.browse import BrowseConfig, DatasetPages, make_server
from reinforcesight.data_gen.viewing.gallery import write_gallery
from reinforcesight.errors import ConfigError, InputError


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


# The local browser


@pytest.fixture
def page(tmp_path, rows):
    write_dataset(tmp_path / "set", {"train": rows[:100], "test": rows[100:]})
    (tmp_path / "secret.txt").write_text("secret")
    server = make_server(BrowseConfig(dataset=tmp_path / "set", port=0))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def get(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply, body


def cards_on(body):
    return re.findall(rb'data-relation="([^"]+)" data-form="([^"]+)" data-split="([^"]+)"', body)


def test_all_rows_can_be_paged_through(page, rows):
    seen = set()
    path = "/"
    for _ in range(20):
        reply, body = get(page, path)
        assert reply.status == 200
        seen |= set(re.findall(rb'href="/row/(\d+)"', body))
        following = re.search(rb'href="([^"]+)">next', body)
        if following is None:
            break
        path = following[1].decode().replace("&amp;", "&")
    assert len(seen) == len(rows)
    assert reply.getheader("Content-Security-Policy").startswith("default-src 'none'")


def test_filters_and_text(page, rows):
    _, body = get(page, "/?relation=in+front&form=open&split=test")
    wanted = [r for r in rows[100:] if r.relation == "in front" and r.form == "open"]
    assert len(cards_on(body)) == len(wanted)
    assert set(cards_on(body)) <= {(b"in front", b"open", b"test")}
    _, body = get(page, f"/?q={rows[5].id}")
    assert len(cards_on(body)) == sum(rows[5].id in r.id for r in rows)
    for path in ("/?relation=nonsense", "/?q=%3Cscript%3E", "/?split=train&page=abc", "/?page=999999999"):
        reply, body = get(page, path)
        assert reply.status == 200
        assert b"<script>\n" in body
        assert b'value="<script>"' not in body


def test_a_row_and_its_picture(page, rows):
    _, body = get(page, "/row/3")
    assert rows[3].id.encode() in body
    assert b"&lt;think&gt;" in body
    reply, picture = get(page, "/picture/3")
    assert reply.getheader("Content-Type") == "image/png"
    assert picture == rows[3].image


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/row/../../secret.txt",
        "/picture/%2e%2e%2fsecret.txt",
        "/data/train-00000-of-00001.parquet",
        "/manifest.json",
        "/row/999999",
        "/row/-1",
        "/row/3/",
        "/picture/abc",
        "//etc/passwd",
        "/etc/passwd",
    ],
)
def test_no_path_leaves_the_rows(page, path):
    reply, body = get(page, path)
    assert reply.status == 404
    assert b"secret" not in body


def test_requests_that_are_refused(page):
    assert get(page, "/", Host="evil.example")[0].status == 403
    assert get(page, "/", Host=f"localhost:{page}")[0].status == 200
    assert get(page, "/?" + "&".join(f"a{i}=1" for i in range(50)))[0].status == 400
    connection = http.client.HTTPConnection("127.0.0.1", page, timeout=10)
    connection.request("POST", "/", body=b"x")
    assert connection.getresponse().status == 501
    connection.close()


def test_broken_files_are_named_on_the_page(tmp_path, rows):
    write_dataset(tmp_path, {"train": [change(rows[0], source_id=None), *rows[1:9]]})
    (tmp_path / "data/test-00000-of-00001.parquet").write_bytes(b"PAR1")
    text = DatasetPages(tmp_path).overview({})
    assert "test-00000-of-00001.parquet" in text
    assert "row 0: the column &#39;source_id&#39; is empty" in text
    assert len(cards_on(text.encode())) == 8


def test_the_address_is_local_and_a_taken_port_is_an_error(page, tmp_path):
    assert BrowseConfig(dataset=tmp_path).host == "127.0.0.1"
    with pytest.raises(ConfigError, match=f"port {page}"):
        make_server(BrowseConfig(dataset=tmp_path / "set", port=page))
    with pytest.raises(InputError):
        make_server(BrowseConfig(dataset=tmp_path / "absent"))


def test_the_command_serves_until_interrupted(tmp_path, rows):
    write_dataset(tmp_path, {"train": rows[:9]})
    # A shell starts background jobs with SIGINT ignored, and so would the suite's children be.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heard}; from reinforcesight.cli import main; main()"
    command = [sys.executable, "-c", code, "browse", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])
        assert get(port, "/")[0].status == 200
        process.send_signal(signal.SIGINT)
        assert "stopped" in process.stdout.read()
    assert process.returncode == 0
