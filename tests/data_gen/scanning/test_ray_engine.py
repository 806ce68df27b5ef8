"""`generate --engine ray` on a two-node cluster of this machine: the bytes of the local engine, no call twice.

Ray is an extra; without it all but the error message is skipped. Continuous integration installs it for this file.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ray_models import COLOURS, paint

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra 'ray' is absent")
PROGRAM = Path(__file__).parents[2] / "support" / "ray_models.py"
PICTURES = 20  # a whole unit and a rest


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a cluster of two nodes with two cores each: an actor a model and one to scan fill both."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        made.add_node(num_cpus=2)
        yield made.address
    finally:
        made.shutdown()
    _, left = psutil.wait_procs(ray_processes(), timeout=20)
    assert not left


def ray_processes() -> list[psutil.Process]:
    """What Ray started below this process."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name().startswith(("raylet", "gcs_server", "ray::")):
                found.append(process)
    return found


def command(output: Path, engine: str, settings: dict[str, object]) -> list[str]:
    config = output.parent / f"{output.name}.json"
    config.write_text(json.dumps(settings))  # JSON is YAML
    words = [sys.executable, "-m", "reinforcesight", "generate", "--config", config, "--output", output]
    return [str(word) for word in (*words, "--engine", engine, "--workers", 1)]


def run(line: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


def parquet(output: Path) -> dict[str, str]:
    files = sorted((output / "data").glob("*.parquet"))
    assert files
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def noted(calls: Path) -> list[tuple[str, str]]:
    """Model and picture of each call."""
    lines = [line.split() for path in calls.glob("*.txt") for line in path.read_text().splitlines()]
    return [(model, picture) for model, picture in lines]


def settled(cache: Path) -> int:
    """Number of stored results, once no actor of a killed run adds to them."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < 3:
        found = len(list(cache.glob("*/*/*.npz")))
        if found != count:
            count, since = found, time.monotonic()
        time.sleep(0.1)
    return count


@needs_ray
def test_both_engines_give_the_same_bytes(tmp_path: Path, cluster: str) -> None:
    pictures = paint(tmp_path / "in", PICTURES)
    runs = {}
    for engine in ("local", "ray"):
        calls = tmp_path / f"calls-{engine}"
        calls.mkdir()
        settings = {
            "engine": engine,
            "source": "image_folder",
            "input": str(pictures),
            "output": str(tmp_path / engine),
            "num_samples": 40,
            "workers": 1,
            "perception": {
                "vocabulary": list(COLOURS),
                "device": "cpu",
                "cache": str(tmp_path / f"cache-{engine}"),
            },
            "ray": {"address": cluster},
        }
        words = [sys.executable, PROGRAM, json.dumps(settings), pictures, calls]
        runs[engine] = [str(word) for word in words], calls, tmp_path / f"cache-{engine}"
    line, local_calls, _ = runs["local"]
    run(line)

    # Killed when the first results are there, and run again: finished calls are not repeated.
    line, calls, cache = runs["ray"]
    slow = os.environ | {"PAUSE": "0.3"}
    first = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=slow)
    until = time.monotonic() + 120
    while len(list(cache.glob("*/*/*.npz"))) < 8 and first.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    results = settled(cache)
    assert not (tmp_path / "ray" / "manifest.json").exists()
    assert 8 <= results < 3 * PICTURES
    for path in calls.glob("*.txt"):
        path.unlink()
    done = run(line)
    assert "scanned on 2 machines of the Ray cluster" in done.stdout
    again = noted(calls)
    assert len(again) == len(set(again)) == 3 * PICTURES - results
    assert len(noted(local_calls)) == 3 * PICTURES
    assert parquet(tmp_path / "ray") == parquet(tmp_path / "local")
    rejections = [json.loads((tmp_path / name / "rejections.json").read_text()) for name in ("ray", "local")]
    assert rejections[0] == rejections[1]
    assert "torn.png" in json.dumps(rejections[0])


@needs_ray
def test_two_nodes_share_the_work_and_one_is_lost(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    pictures = str(paint(tmp_path / "in", 4 * PICTURES))
    few = {"num_samples": 40, "workers": 1, "source": "image_folder", "input": pictures}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        lost = made.add_node(num_cpus=2)
        runs = {}
        for engine in ("local", "ray"):
            calls = tmp_path / f"calls-{engine}"
            calls.mkdir()
            models = {"vocabulary": list(COLOURS), "device": "cpu", "cache": str(tmp_path / f"cache-{engine}")}
            settings = {**few, "engine": engine, "output": str(tmp_path / engine), "perception": models}
            settings |= {"ray": {"address": made.address}}
            words = [sys.executable, PROGRAM, json.dumps(settings), pictures, calls]
            runs[engine] = [str(word) for word in words]
        run(runs["local"])
        log = (tmp_path / "log").open("w+")
        slow = os.environ | {"PAUSE": "0.2"}
        work = subprocess.Popen(runs["ray"], stdout=log, stderr=subprocess.STDOUT, env=slow)
        chunks, until = tmp_path / "ray" / ".work", time.monotonic() + 120
        while len(list(chunks.glob("chunk-*.json"))) < 2 and work.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert work.poll() is None, Path(log.name).read_text()
        made.remove_node(lost, allow_graceful=False)
        assert work.wait(timeout=300) == 0, Path(log.name).read_text()[-4000:]
    finally:
        made.shutdown()
    said = Path(log.name).read_text()
    shared = re.search(r"scanned on 2 machines of the Ray cluster \(parts in (\d+), (\d+) of \d+ units\)", said)
    assert shared, said[-4000:]
    assert int(shared[2]) >= 1
    assert parquet(tmp_path / "ray") == parquet(tmp_path / "local")


@needs_ray
def test_sources_without_models(tmp_path: Path, cluster: str) -> None:
    pytest.importorskip("embreex")
    settings: dict[str, object] = {"num_samples": 40, "picture_size": [128, 96]}
    run(command(tmp_path / "local", "local", settings))
    # Without an address Ray is started for the run alone, and the cluster that runs here is not joined.
    alone = run(command(tmp_path / "alone", "ray", settings))
    assert "scanned on 1 machine of the Ray cluster" in alone.stdout
    run(command(tmp_path / "ray", "ray", settings | {"ray": {"address": cluster}}))
    assert parquet(tmp_path / "ray") == parquet(tmp_path / "local")
    assert parquet(tmp_path / "alone") == parquet(tmp_path / "local")


@needs_ray
@pytest.mark.parametrize("given", ["127.0.0.1:1", "auto"])
def test_a_cluster_that_is_not_there(tmp_path: Path, given: str) -> None:
    settings: dict[str, object] = {"num_samples": 10, "ray": {"address": given}}
    done = subprocess.run(
        command(tmp_path / "ray", "ray", settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env=os.environ | {"RAY_ADDRESS": "127.0.0.1:1"},
    )
    assert done.returncode == 2, done.stderr[-2000:]
    assert "the Ray cluster can't be reached: expected a cluster at 127.0.0.1:1, got: " in done.stderr
    assert "ray start --head" in done.stderr
    assert "Traceback" not in done.stderr


@needs_ray
def test_a_machine_without_the_shared_folder(tmp_path: Path, cluster: str) -> None:
    from reinforcesight.data_gen.scanning.on_ray import ScanStage, _Plan
    from reinforcesight.data_gen.scanning.work_files import ScanContext

    class Anything:
        pass

    context = ScanContext(Anything(), None, 0, tmp_path / "elsewhere", "id")
    import ray

    ray.init(address=cluster, log_to_driver=False)
    try:
        actor = ray.remote(ScanStage).remote(_Plan(context, 16, frozenset({0}), "mark"))
        batch = {"unit": [0], "machines": [""], "messages": [""], "error": [""]}
        made = ray.get(actor.__call__.remote(batch))
    finally:
        ray.shutdown()
    assert "does not see the folder of the job" in made["error"][0]


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is there")
def test_without_ray_the_pip_command_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path / "ray", "ray", {"num_samples": 10}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert "[ray]" in done.stderr
    assert "Traceback" not in done.stderr
