"""VQASynth's stages in another environment: the command, clear errors, rows that survive failures and interruptions.

VQASynth itself is not installed here: a stand-in with the interface of its two classes is called in a virtual
environment, as the real one would be. Its modules have names of ours, so it fails if ours are found first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vqasynth_support import write_stand_in

from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.vqasynth import stages as vqasynth_stages
from reinforcesight.data_gen.vqasynth.source import VqasynthSource
from reinforcesight.data_gen.vqasynth.wrapper import VqasynthRun, run_vqasynth, vqasynth_arguments
from reinforcesight.errors import ConfigError, InputError, MissingDependencyError

ROOT = Path(__file__).parents[3]


def write_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        pixels = np.full((84, 112, 3), 128, dtype=np.uint8)
        pixels[40:70, 10 + number % 8 : 30] = (255, 0, 0)
        pixels[45:68, 45:70] = (0, 255, 0)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder


def test_commands() -> None:
    pictures, output = Path("/a/pictures"), Path("/b/out")
    stages = str(Path(vqasynth_stages.__file__))
    own = vqasynth_arguments(VqasynthRun(pictures, output, python=Path("/env/bin/python")))
    assert own[:7] == ["/env/bin/python", "-I", stages, "--pictures", "/a/pictures", "--output", "/b/out"]
    inside = vqasynth_arguments(
        VqasynthRun(pictures, output, image="vqasynth:base", model_cache=Path("/c"), captioner="florence")
    )
    assert inside == [
        *("docker", "run", "--rm", "--gpus", "all"),
        *("--volume", "/a/pictures:/pictures:ro", "--volume", "/b/out:/output"),
        *("--volume", f"{stages}:/reinforcesight/vqasynth_stages.py:ro"),
        *("--volume", "/c:/root/.cache/huggingface"),
        *("--entrypoint", "python3", "vqasynth:base", "-I", "/reinforcesight/vqasynth_stages.py"),
        *("--pictures", "/pictures", "--output", "/output"),
        *("--captioner", "florence", "--segmenter", "facebook/sam2-hiera-small"),
    ]
    podman = vqasynth_arguments(VqasynthRun(pictures, output, image="x", engine="podman"))
    assert podman[:5] == ["podman", "run", "--rm", "--device", "nvidia.com/gpu=all"]
    for wrong in ({}, {"python": Path("python"), "image": "x"}):
        with pytest.raises(ConfigError, match="either an interpreter or a container image"):
            VqasynthRun(pictures, output, **wrong)


def test_what_is_absent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, output = write_pictures(tmp_path / "pictures", 1), tmp_path / "out"
    with pytest.raises(InputError, match="folder of pictures"):
        run_vqasynth(VqasynthRun(tmp_path / "absent", output, python=Path(sys.executable)))
    with pytest.raises(MissingDependencyError, match="no interpreter of VQASynth's environment"):
        run_vqasynth(VqasynthRun(pictures, output, python=tmp_path / "bin" / "python"))
    with pytest.raises(MissingDependencyError, match="VQASynth is not installed in"):
        run_vqasynth(VqasynthRun(pictures, output, python=Path(sys.executable)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no picture"):
        run_vqasynth(VqasynthRun(tmp_path / "empty", tmp_path / "o", python=Path(sys.executable)))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="no container engine 'docker'"):
        run_vqasynth(VqasynthRun(pictures, output, image="vqasynth:base"))


def test_a_container_engine_gets_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/seen\nexit 125\n')
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}{os.pathsep}{os.environ['PATH']}")
    run = VqasynthRun(write_pictures(tmp_path / "pictures", 1), tmp_path / "out", image="vqasynth:base")
    with pytest.raises(InputError, match=r"exit status 125.*\(vqasynth:base\)"):
        run_vqasynth(run)
    assert (tmp_path / "seen").read_text().splitlines() == vqasynth_arguments(run)[1:]


def test_rows_of_good_and_bad_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = write_stand_in(tmp_path / "env")
    # As in the image of this project: the folder whose data_gen and src are not those of VQASynth's environment.
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    pictures = write_pictures(tmp_path / "pictures", 3)
    Image.new("RGB", (112, 84), "black").save(pictures / "fails.png")
    Image.new("RGB", (112, 84), "white").save(pictures / "nothing.png")
    (pictures / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    command = [sys.executable, "-m", "data_gen.vqasynth_wrapper", "--pictures", str(pictures)]
    command += ["--output", str(tmp_path / "out"), "--python", str(python)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    source = VqasynthSource(tmp_path / "out")
    found: dict[str, str] = {}
    for index in range(source.count()):
        try:
            made = source.load(index)
            found[made.source_id] = " ".join(f"{item.name} {item.depth}" for item in made.scene.objects)
        except PictureRejected as error:
            found[error.source_id] = error.reason
    seen = "red cup 2.0 green bowl 3.0"
    assert found == {
        "000.png": seen,
        "001.png": seen,
        "002.png": seen,
        "fails.png": "vqasynth_failed",
        "nothing.png": "no_masks",
        "torn.jpg": "vqasynth_failed",
    }
    with pytest.raises(InputError, match="belongs to a run with other pictures"):
        run_vqasynth(VqasynthRun(pictures, tmp_path / "out", python=python, captioner="florence"))
    wrong = subprocess.run([*command, "--image", "x"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: expected either an interpreter or a container image")


def test_resumes_after_a_kill(tmp_path: Path) -> None:
    python = write_stand_in(tmp_path / "env")
    (localize,) = tmp_path.glob("env/lib/python*/site-packages/vqasynth/localize.py")
    with localize.open("a") as file:
        file.write(
            "\nimport os, time\n_made = Localizer.apply_transform\n"
            "def _counted(self, example, images):\n"
            "    open(os.environ['CALLS'], 'a').write('x')\n"
            "    time.sleep(float(os.environ['PAUSE']))\n"
            "    return _made(self, example, images)\n"
            "Localizer.apply_transform = _counted\n"
        )
    calls = tmp_path / "calls"
    environment = os.environ | {"CALLS": str(calls), "PAUSE": "0.05"}
    run = VqasynthRun(write_pictures(tmp_path / "pictures", 12), tmp_path / "out", python=python)
    command = [*vqasynth_arguments(run), "--part_size", "3"]
    run.output.mkdir()
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (run.output / "part-00000").is_dir() and time.monotonic() < until:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = len(list(run.output.glob("part-*")))
    assert 1 <= done < 4
    calls.write_text("")
    subprocess.run(command, env=environment | {"PAUSE": "0"}, check=True, capture_output=True)
    assert len(calls.read_text()) == 12 - 3 * done
    assert VqasynthSource(run.output).count() == 12
