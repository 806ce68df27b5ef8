"""Runs as a whole: replayed answers, resume after a kill, variants, baseline, several processes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from eval_samples import bench_rows, replay, write_answers, write_parquet, write_published
from PIL import Image

from reinforcesight.config import load_config
from reinforcesight.errors import ConfigError, InputError, OutputError
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.eval.results import read_results
from reinforcesight.jobs.files import only_writer_of


@pytest.fixture
def bench(tmp_path: Path) -> tuple[Path, list[dict[str, Any]]]:
    rows = bench_rows(6, 6)
    return write_published(tmp_path / "bench", rows, "split"), rows


def without_run(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    content.pop("run")
    return content


def test_results_carry_the_protocol(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=0.7)
    results = evaluate(replay(folder, answers, tmp_path / "out" / "r.json", tasks="all", protocol="direct"))
    assert results.exit_code == 0
    protocol = json.loads((tmp_path / "out" / "r.json").read_text())["protocol"]
    assert protocol["name"] == "direct"
    assert protocol["instruction"].startswith("Answer with the option's letter")
    assert protocol["engine"] == "replay"
    assert protocol["decoding"] == {"method": "greedy", "max_new_tokens": 128}
    assert len(protocol["benchmark"]["fingerprint"]) == 64
    assert {"python", "numpy", "reinforcesight"} <= protocol["versions"].keys()
    lines = (tmp_path / "out" / "r.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(row["idx"]) for row in rows]
    assert len({json.loads(line)["key"] for line in lines}) == len(rows)


def test_results_do_not_depend_on_batch_size(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=0.7)
    evaluate(replay(folder, answers, tmp_path / "one.json", batch_size=1))
    evaluate(replay(folder, answers, tmp_path / "many.json", batch_size=64))
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "many.jsonl").read_bytes()
    assert without_run(tmp_path / "one.json") == without_run(tmp_path / "many.json")


@pytest.mark.parametrize("damage", ["half", "torn", "shuffled", "rubbish", "parts"])
def test_resume_by_content(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]], damage: str) -> None:
    folder, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=0.7)
    evaluate(replay(folder, answers, tmp_path / "whole.json"))
    whole = (tmp_path / "whole.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    left = {
        "half": lines[::2],
        "torn": [*lines[:5], lines[5][:70]],
        "shuffled": lines[::-1],
        "rubbish": [b"\x00\xff\n", *lines[3:6], b"{}\n"],
        "parts": lines[:2],
    }[damage]
    (tmp_path / "again.jsonl").write_bytes(b"".join(left))
    if damage == "parts":  # left by a run over several processes that was killed
        (tmp_path / "again.rank-00001.jsonl").write_bytes(b"".join(lines[1:6]) + lines[6][:10])
    results = evaluate(replay(folder, answers, tmp_path / "again.json"))
    known = {"half": len(lines[::2]), "torn": 5, "shuffled": len(lines), "rubbish": 3, "parts": 6}
    assert not list(tmp_path.glob("*.rank-*"))
    assert results.run["new_answers"] == len(lines) - known[damage]
    assert (tmp_path / "again.jsonl").read_bytes() == whole
    assert without_run(tmp_path / "again.json") == without_run(tmp_path / "whole.json")


def test_answers_of_another_run_are_kept_and_not_mixed(
    tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]
) -> None:
    folder, rows = bench
    good, bad = (
        write_answers(tmp_path / "g.jsonl", rows, right=1),
        write_answers(tmp_path / "b.jsonl", rows, right=0),
    )
    first = evaluate(replay(folder, good, tmp_path / "r.json"))
    second = evaluate(replay(folder, bad, tmp_path / "r.json"))
    assert first.micro.accuracy != second.micro.accuracy
    assert second.micro.correct == 0
    assert len((tmp_path / "r.previous.jsonl").read_text().splitlines()) == first.n_scored
    assert evaluate(replay(folder, good, tmp_path / "r.json")).run["new_answers"] == 0


_SLOW_RUN = """
import sys, time
from pathlib import Path
from reinforcesight.eval.engines import replay
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.evaluate import evaluate

quick = replay.ReplayEngine.answer
def slow(self, questions):
    for pair in quick(self, questions):
        time.sleep(0.05)
        yield pair
replay.ReplayEngine.answer = slow
evaluate(EvaluateConfig(benchmark=sys.argv[1], engine="replay", answers=Path(sys.argv[2]), output=Path(sys.argv[3])))
"""


def test_killed_and_resumed_equals_undisturbed(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=0.7)
    evaluate(replay(folder, answers, tmp_path / "whole.json"))
    log = tmp_path / "killed.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOW_RUN, str(folder), str(answers), str(tmp_path / "killed.json")],
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not log.is_file() or log.read_bytes().count(b"\n") < 3):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = log.read_bytes().count(b"\n")
    assert 3 <= kept < len((tmp_path / "whole.jsonl").read_text().splitlines())
    results = evaluate(replay(folder, answers, tmp_path / "killed.json"))
    assert results.run["new_answers"] == results.n_scored - kept
    assert log.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert without_run(tmp_path / "killed.json") == without_run(tmp_path / "whole.json")


def strip() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (1000, 4), "white").save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("broken", ["cut off", "too narrow"])
def test_broken_items_are_named_and_count_in_no_figure(
    tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]], broken: str
) -> None:
    _, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=1)
    depth = [n for n, row in enumerate(rows) if row["task"] == "Depth"]
    picture = rows[depth[0]]["image"]["bytes"][:80] if broken == "cut off" else strip()
    rows[depth[0]] = {**rows[depth[0]], "image": {"bytes": picture, "path": None}}
    rows[depth[1]] = {**rows[depth[1]], "answer": "(F)"}
    folder = write_parquet(tmp_path / "broken.parquet", rows)
    results = evaluate(replay(folder, answers, tmp_path / "r.json", consistency="swapped", blind=True))
    assert results.exit_code == 1
    assert [(b.id, b.problem) for b in results.broken] == [
        (str(rows[depth[0]]["idx"]), "picture unreadable"),
        (str(rows[depth[1]]["idx"]), "gold letter outside the choices"),
    ]
    assert results.per_task["Depth"].n == len(depth) - 2
    assert results.official.three_d is None
    assert results.n_scored + len(results.broken) == results.n_items


def test_a_broken_row_does_not_hide_an_item_with_the_same_id(
    tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]
) -> None:
    _, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=1)
    folder = write_parquet(tmp_path / "b.parquet", [{**rows[0], "answer": "(F)"}, *rows])
    results = evaluate(replay(folder, answers, tmp_path / "r.json", tasks="all"))
    assert [row.row for row in results.broken] == [0]
    assert results.n_scored == len(rows)


def test_unanswered_questions_are_named(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", [row for row in rows if row["idx"] != 20], right=1)
    results = evaluate(replay(folder, answers, tmp_path / "r.json"))
    assert results.unanswered == ("20",)
    assert results.exit_code == 1


def both_orders(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A model that always says (A), and knows the rest where it does not: consistent in half of the cases."""
    with path.open("w") as lines:
        for number, row in enumerate(rows):
            gold = "ABCDEFG".index(row["answer"][1])
            for variant in ("plain", "blind", "swapped"):
                place = gold if variant == "plain" else len(row["choices"]) - 1 - gold
                response = "(A)" if number % 2 or variant == "blind" else f"({'ABCDEFG'[place]})"
                lines.write(json.dumps({"id": str(row["idx"]), "variant": variant, "text": response}) + "\n")
    return path


def test_blind_and_swapped(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = bench
    chosen = [row for row in rows if row["task"] != "Count"]
    results = evaluate(
        replay(
            folder,
            both_orders(tmp_path / "a.jsonl", chosen),
            tmp_path / "r.json",
            blind=True,
            consistency="swapped",
        )
    )
    assert results.exit_code == 0
    swapped = results.swapped
    assert swapped is not None
    assert swapped.not_swappable == 0
    assert swapped.consistency.accuracy == 0.5
    assert swapped.both_orders.n == 2 * len(chosen)
    assert swapped.both_orders.accuracy == 0.75  # right in both orders, or right in exactly one
    assert swapped.both_correct.accuracy == 0.5
    assert results.blind is not None
    assert results.blind.letters_given == {"A": len(chosen)}
    assert results.blind.micro.correct == sum(row["answer"] == "(A)" for row in chosen)


def test_fewer_questions_may_be_asked_without_the_picture(
    tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]
) -> None:
    folder, rows = bench
    chosen = [row for row in rows if row["task"] != "Count"]
    answers = both_orders(tmp_path / "a.jsonl", chosen)
    results = evaluate(replay(folder, answers, tmp_path / "r.json", blind=True, blind_limit=7))
    assert results.exit_code == 0
    assert results.n_scored == len(chosen)
    assert results.blind is not None
    assert results.blind.micro.n == 7
    counts = [cell.n for cell in results.blind.per_task.values()]
    assert max(counts) - min(counts) <= 1


def test_baseline_is_paired_on_the_same_items(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = bench
    fewer = write_parquet(tmp_path / "fewer.parquet", [{**row, "idx": 1000 + row["idx"]} for row in rows[::-1][:20]])
    logged = write_answers(tmp_path / "b.jsonl", [{**row, "idx": 1000 + row["idx"]} for row in rows], right=0.5)
    evaluate(replay(fewer, logged, tmp_path / "base.json", title="base"))
    answers = write_answers(tmp_path / "a.jsonl", rows, right=0.9)
    results = evaluate(replay(folder, answers, tmp_path / "r.json", baseline=tmp_path / "base.json"))
    paired = results.paired
    assert paired is not None
    assert paired.test is not None
    there = {a["item"]: a["correct"] for a in map(json.loads, (tmp_path / "base.jsonl").read_text().splitlines())}
    here = {a["item"]: a["correct"] for a in map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())}
    common = here.keys() & there.keys()
    assert paired.test.n == len(common) == len(there)
    assert paired.test.only_this == sum(here[i] and not there[i] for i in common)
    assert paired.only_here == len(here) - len(common)
    assert paired.same_protocol
    assert results.compared[0].title == "base"


def test_per_item_metrics(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=1)
    results = evaluate(
        replay(folder, answers, tmp_path / "r.json"),
        metrics=lambda item, response: {
            "looked": float("I looked" in response),
            "choices": len(item.choices),
        },
    )
    assert 0.8 < results.metrics["looked"] < 1
    assert results.metrics["choices"] == 2


def test_errors_come_before_any_work(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=1)
    with pytest.raises(InputError, match="results can't be read"):
        evaluate(replay(folder, answers, tmp_path / "r.json", baseline=tmp_path / "absent.json"))
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match=r"not a results\.json of this program"):
        evaluate(replay(folder, answers, tmp_path / "r.json", baseline=tmp_path / "other.json"))
    with pytest.raises(ConfigError, match="own baseline"):
        evaluate(replay(folder, answers, tmp_path / "r.json", baseline=tmp_path / "r.json"))
    with pytest.raises(ConfigError, match="needs logged answers"):
        load_config(EvaluateConfig, flags={"engine": "replay"})
    with pytest.raises(ConfigError, match="no model is named"):
        load_config(EvaluateConfig)
    (tmp_path / "bad.jsonl").write_text('{"id": 3}\n')
    with pytest.raises(InputError, match="line 1"):
        evaluate(replay(folder, tmp_path / "bad.jsonl", tmp_path / "r.json"))
    assert not (tmp_path / "r.jsonl").exists()


def test_two_processes_give_the_same_files(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]) -> None:
    pytest.importorskip("accelerate")
    folder, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=0.7)
    evaluate(replay(folder, answers, tmp_path / "one.json"))
    script = _SLOW_RUN.replace("time.sleep(0.05)", "pass")
    arguments = [sys.executable, "-c", script, str(folder), str(answers), str(tmp_path / "two.json")]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    shared |= {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            arguments, env={**shared, "RANK": str(r), "LOCAL_RANK": str(r)}, stderr=subprocess.PIPE, text=True
        )
        for r in range(2)
    ]
    messages = [process.communicate(timeout=120)[1] for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], messages
    assert (tmp_path / "two.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert without_run(tmp_path / "two.json") == without_run(tmp_path / "one.json")
    assert not list(tmp_path.glob("*.rank-*"))


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_damaged_answer_is_asked_again_and_damaged_results_are_named(
    tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]
) -> None:
    folder, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=0.7)
    output = tmp_path / "r.json"
    evaluate(replay(folder, answers, output))
    whole, lines = without_run(output), output.with_suffix(".jsonl").read_text()
    changed = lines.replace('"letter": "A"', '"letter": "B"', 1)
    assert changed != lines
    output.with_suffix(".jsonl").write_text(changed)
    assert evaluate(replay(folder, answers, output)).run["new_answers"] == 1
    assert (without_run(output), output.with_suffix(".jsonl").read_text()) == (whole, lines)
    text = output.read_text()
    output.write_text(text.replace('"correct": ', '"correct": 1', 1))
    with pytest.raises(InputError, match="the results are damaged"):
        read_results(output)
    output.write_text(text)
    with only_writer_of(output), pytest.raises(OutputError, match="another process is writing here"):
        evaluate(replay(folder, answers, output))


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, bench: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = bench
    answers = write_answers(tmp_path / "a.jsonl", rows, right=1)
    (tmp_path / "r.jsonl").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"No space left.*run the same command again"):
        evaluate(replay(folder, answers, tmp_path / "r.json"))
