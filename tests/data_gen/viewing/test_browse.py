"""``browse``: every row by filters, notes that are kept, model answers; confined to the data set and this machine."""

from __future__ import annotations

import csv
import errno
import html
import io
import json
import re
import signal
import socket
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from page_support import get, post, serving
from small_dataset import change, make_rows, write_dataset

from reinforcesight.data_gen.dataset import row_log
from reinforcesight.data_gen.viewing import server
from reinforcesight.data_gen.viewing.browse import BrowseConfig, browse
from reinforcesight.data_gen.viewing.browse_pages import DatasetPages
from reinforcesight.errors import ConfigError, InputError


@pytest.fixture(scope="module")
def rows():
    return make_rows(range(12), per_axis=4)


@pytest.fixture
def page(tmp_path, rows):
    write_dataset(tmp_path / "set", {"train": rows[:100], "test": rows[100:]})
    (tmp_path / "secret.txt").write_text("secret")
    with serving(DatasetPages(tmp_path / "set")) as port:
        yield port


def cards_on(body):
    return re.findall(rb'data-relation="([^"]+)" data-form="([^"]+)" data-split="([^"]+)"', body)


def test_all_rows_can_be_paged_through(page, rows):
    seen = set()
    path = "/"
    for _ in range(20):
        reply, body = get(page, path)
        assert reply.status == 200
        seen |= set(re.findall(rb'href="/row/(\d+)"', body))
        following = re.search(rb'rel="next" href="([^"]+)"', body)
        if following is None:
            break
        path = following[1].decode().replace("&amp;", "&")
    assert len(seen) == len(rows)
    policy = reply.getheader("Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert re.search(r"script-src 'nonce-(.+?)'", policy)[1].encode() in body


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
        assert b"<script nonce=" in body
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
    assert get(page, "/", Host=f"evil.example:{page}")[0].status == 403
    for host in (
        "localhost:",
        "evil.example@localhost",
        "localhost.evil.example",
        "localhost:8765:1",
        "",
        "192.0.2.1",
    ):
        assert get(page, "/", Host=host)[0].status == 403
    for host in ("localhost", f"LOCALHOST:{page}", "127.0.0.1:9000", "[::1]"):  # a tunnel has a port of its own
        assert get(page, "/", Host=host)[0].status == 200
    assert get(page, "/?" + "&".join(f"a{i}=1" for i in range(50)))[0].status == 400
    note = {"tags": ["odd"]}
    assert post(page, "/annotate/1", note, Origin="http://evil.example")[0].status == 403
    assert post(page, "/annotate/1", note, **{"Content-Type": "text/plain"})[0].status == 415
    assert post(page, "/annotate/1", note, Host="evil.example")[0].status == 403
    assert post(page, "/annotate/1", [1])[0].status == 400
    assert post(page, "/annotate/1", {"comment": "x" * 100_000})[0].status == 413
    assert post(page, "/annotate/999999", note)[0].status == 404
    assert b"odd" not in get(page, "/annotations.csv")[1]


def test_a_silent_connection_is_closed(page, monkeypatch):
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    with socket.create_connection(("127.0.0.1", page), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        assert connection.recv(1) == b""


def test_tags_and_comments_are_kept_and_exported(tmp_path, rows):
    write_dataset(tmp_path, {"train": rows[:50]})
    note = {"tags": ["odd name", " odd name ", ""], "comment": "=1+1 the mug is a cup", "excluded": True}
    with serving(DatasetPages(tmp_path)) as port:
        assert post(port, "/annotate/7", note)[0].status == 200
        assert post(port, "/annotate/8", {"tags": ["fine"]})[0].status == 200
        assert post(port, "/annotate/9", {"tags": 7, "comment": ["x"], "excluded": "yes"})[0].status == 200
    (tmp_path / "annotations.jsonl").open("ab").write(b'{"cut off')
    pages = DatasetPages(tmp_path)
    assert pages.select({"rows": "annotated"}) == [7, 8]
    assert pages.select({"rows": "excluded"}) == pages.select({"tag": "odd name"}) == [7]
    assert len(pages.select({"rows": "not excluded"})) == 49
    assert "the mug is a cup" in pages.overview({"rows": "excluded"})
    with serving(pages) as port:
        assert post(port, "/annotate/8", {})[0].status == 200  # after the line that was cut off
        table = list(csv.DictReader(io.StringIO(get(port, "/annotations.csv")[1].decode())))
    assert [(row["id"], row["tags"], row["comment"], row["excluded"]) for row in table] == [
        (rows[7].id, "odd name", "'=1+1 the mug is a cup", "yes")
    ]
    # Another question with the same id gets no note of the former one.
    write_dataset(tmp_path, {"train": [change(rows[7], question="Is it?")]})
    assert DatasetPages(tmp_path).select({"rows": "annotated"}) == []
    assert "have been removed or changed" in DatasetPages(tmp_path).overview({})


def test_a_full_disk_is_said_on_the_page(tmp_path, rows, monkeypatch):
    write_dataset(tmp_path, {"train": rows[:5]})

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(row_log.os, "fsync", full)
    with serving(DatasetPages(tmp_path)) as port:
        reply, body = post(port, "/annotate/1", {"comment": "x"})
    assert reply.status == 500
    assert b"No space left" in body


def test_model_answers_are_shown_and_filtered(tmp_path, rows):
    write_dataset(tmp_path / "set", {"test": rows[:40]})
    for name, wrong in (("base", {3, 5}), ("tuned", {5})):
        lines = []
        for number, row in enumerate(rows[:40]):
            answer = {"gold": row.answer.strip("()"), "choices": row.choices, "correct": number not in wrong}
            # By id, or (as after an export to CV-Bench's columns) by the content.
            answer |= (
                {"id": row.id} if number % 2 else {"id": str(number), "cluster": row.source_id, "prompt": row.prompt}
            )
            lines.append({**answer, "response": f"<think>So {name} thinks.</think><answer>(A) it</answer>"})
        lines.append({"id": rows[0].id, "variant": "blind", "correct": False, "response": ""})
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    pages = DatasetPages(tmp_path / "set", [tmp_path / "base.jsonl", tmp_path / "tuned.jsonl"])
    assert pages.select({"answers": "base wrong"}) == [3, 5]
    assert pages.select({"answers": "some right, some wrong"}) == [3]
    assert len(pages.models[0].answers) == 40
    text = pages.overview({"answers": "some right, some wrong"})
    assert "So tuned thinks." in text
    (tmp_path / "other.jsonl").write_text(json.dumps({"id": "else"}) + "\n")
    for name, message in (("other.jsonl", "no answer to a question"), ("absent.jsonl", "can't be read")):
        with pytest.raises(InputError, match=message):
            DatasetPages(tmp_path / "set", [tmp_path / name])
    (tmp_path / "other.jsonl").write_text("{}\nnonsense\n")
    with pytest.raises(InputError, match="line 2"):
        DatasetPages(tmp_path / "set", [tmp_path / "other.jsonl"])


def test_order_margins_reasoning_and_neighbours(tmp_path, rows):
    write_dataset(tmp_path, {"train": rows[:60]})
    pages = DatasetPages(tmp_path)
    ordered = pages.select({"sort": "smallest margin"})
    assert [rows[n].margin for n in ordered] == sorted(row.margin for row in rows[:60])
    assert pages.select({"sort": "largest margin"})[0] == ordered[-1]
    few = pages.select({"from": "0.5", "to": "1.0"})
    assert few == [n for n, row in enumerate(rows[:60]) if 0.5 <= row.margin <= 1.0]
    word = "thus"
    assert pages.select({"q": word}) == [
        n for n, r in enumerate(rows[:60]) if word in f"{r.question}{r.completion}".lower()
    ]
    query = {"relation": "left", "sort": "smallest margin"}
    found = pages.select(query)
    body = pages.get(f"/row/{found[1]}", query).body.decode()
    assert f'rel="prev" href="/row/{found[0]}?relation=left&amp;sort=smallest+margin"' in body
    assert f'rel="next" href="/row/{found[2]}?relation=left&amp;sort=smallest+margin"' in body
    assert f"2 of {len(found)}" in body
    assert 'rel="next"' not in pages.get(f"/row/{found[-1]}", query).body.decode()


def test_counts_of_what_is_filtered(tmp_path, rows):
    write_dataset(tmp_path, {"train": rows[:60]})
    pages = DatasetPages(tmp_path)
    body = pages.overview({"relation": "left"})
    count = sum(row.relation == "left" for row in rows[:60])
    assert f"Counts of these {count} questions" in body
    bins = [int(n) for n in re.findall(r'title="[\d.]+ to [\d.]+: (\d+)"', body)]
    assert len(bins) == 12
    assert sum(bins) == count
    # A bar leads to its rows.
    link = html.unescape(re.search(r'<a href="([^"]+)" title', body)[1])
    query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert len(pages.select(query)) == bins[0]


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
        browse(BrowseConfig(dataset=tmp_path / "set", port=page))
    with pytest.raises(InputError):
        browse(BrowseConfig(dataset=tmp_path / "absent"))


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
