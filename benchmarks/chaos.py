"""Repeats injuries on every command that writes: kills, signals, changed bytes, a full disk, two runs at once.

    python benchmarks/chaos.py --rounds 500 [--commands generate,audit,sft,grpo,evaluate,run,ray] [--minutes 60]

Each round starts one command on tiny data, injures it up to three times, and runs it again until it ends undisturbed. A
round passes if the result has the bytes of an undisturbed run, or if the command names the damage in one line and exits
with 2. A different result with exit status 0 is a *silent difference*. A traceback, or no end within ten minutes, fails
the round too. Files for people only (pages, logs, curves) are injured and not compared.

Commands run in forked copies of this process, which has imported torch and TRL once; ``run`` starts its stages as
usual. A full disk is a limit on the size of files, and, where root may mount one, a small tmpfs.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "dev")]

_LONGEST_SECONDS = 600.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
Result = dict[str, str]  # what is compared: name to digest


def _nothing(output: Path) -> None:
    """Prepare an output that needs no input in it."""


@dataclass(frozen=True)
class Target:
    """A command on tiny data.

    Attributes:
        arguments: Function from the output (a folder, or a file in it) to the command line.
        result: Function from the output folder to what must be the same after any injury.
        weight: Share of the rounds.
        noticed: Exit statuses with which the command names damage; the line begins with "error:", or is a finding.
    """

    name: str
    arguments: Callable[[Path], list[str]]
    result: Callable[[Path], Result]
    weight: float
    noticed: tuple[int, ...] = (2,)
    prepare: Callable[[Path], object] = _nothing


@dataclass
class Round:
    """What happened in a round, for the table and for the report of a failure."""

    target: str
    injuries: list[str] = field(default_factory=list)
    outcome: str = ""
    log: str = ""


class Process:
    """A forked copy of this process that runs the command line and writes to a log."""

    def __init__(self, arguments: Sequence[str], log: Path, *, file_limit: int | None = None) -> None:
        self.arguments, self.log = list(arguments), log
        self._until = time.monotonic() + _LONGEST_SECONDS
        self.status: int | None = None
        sys.stdout.flush()
        # A signal in the middle of a fork would break the copy, not the command.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self.pid = os.fork()
        if self.pid == 0:
            self._run(file_limit)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _run(self, file_limit: int | None) -> None:
        status = 70
        try:
            os.setsid()
            handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            if file_limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
            from reinforcesight.cli import run

            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = run(self.arguments)
        except KeyboardInterrupt:  # before the command has its handlers
            status = 130
        except BaseException:  # noqa: BLE001 - the parent finds it in the log
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def poll(self) -> int | None:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for the end, or ``seconds``; a process that hangs is killed and has the status -1000."""
        until = self._until if seconds is None else min(self._until, time.monotonic() + seconds)
        while self.poll() is None and time.monotonic() < until:
            time.sleep(0.003)
        if self.status is None and time.monotonic() >= self._until:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -1000
        return self.status

    def workers(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return psutil.Process(self.pid).children(recursive=True)
        return []

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


def files_of(folder: Path, *patterns: str) -> Result:
    found = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def json_without(path: Path, *names: str, folder: str = "") -> Result:
    """The digest of a JSON object without some of its keys and the run's folder; empty if there is no file."""
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    content = json.loads(text.replace(folder, "") if folder else text)
    kept = {name: value for name, value in content.items() if name not in names}
    return {path.name: hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()}


def trained(folder: Path) -> Result:
    """Weights, and the results that the record states."""
    results = json.loads((folder / "run_record.json").read_text(encoding="utf-8"))["results"]
    results["best"] = {k: v for k, v in results["best"].items() if not k.endswith(("_runtime", "_per_second"))}
    return files_of(folder, "*.safetensors", "*config.json") | {"results": json.dumps(results, sort_keys=True)}


def story(folder: Path) -> Result:
    results = sorted(folder.glob("evaluations/*/*.json"))
    found = files_of(folder, "dataset/data/*.parquet", "sft/*.safetensors", "grpo/*.safetensors")
    return found | {
        f"{path.parent.name} {name}": v
        for path in results
        for name, v in json_without(path, "run", folder=str(folder)).items()
    }


def targets(base: Path, *, engines: bool) -> dict[str, Target]:
    """All commands, on inputs that are made in ``base``."""
    from eval_samples import bench_rows, write_answers, write_published
    from pipeline_support import write_annotated

    pictures = write_annotated(base / "pictures", 40)
    rows = bench_rows(6, 6)
    bench = write_published(base / "bench", rows, "split")
    logged = write_answers(base / "logged.jsonl", rows, right=0.7)

    def generate(output: Path, *more: str) -> list[str]:
        words = ["generate", "--source", "annotated", "--input", str(pictures), "--output", str(output)]
        few = ["--num_samples", "60", "--rows_per_file", "20", "--workers", "1", "--set", "gallery.samples=2"]
        return [*words, *few, *more]

    def dataset(output: Path) -> Result:
        return files_of(output, "data/*.parquet", "manifest.json", "rejections.json")

    def with_set(output: Path) -> None:
        shutil.copytree(finished, output / "set")

    finished = base / "set"
    ended = Process(generate(finished), base / "set.log")
    assert ended.wait() == 0, ended.text()
    found = [
        Target("generate", generate, dataset, 6),
        Target(
            "audit",
            lambda output: ["audit", str(output / "set"), "--report", str(output / "report.json"), "--quiet"],
            lambda output: json_without(output / "report.json", "dataset"),
            2,
            (1, 2),
            with_set,
        ),
        Target(
            "evaluate",
            lambda output: [
                *("evaluate", "--benchmark", str(bench), "--engine", "replay", "--answers", str(logged)),
                *("--tasks", "all", "--output", str(output / "results.json")),
            ],
            lambda output: json_without(output / "results.json", "run") | files_of(output, "results.jsonl"),
            3,
        ),
    ]
    if engines:
        found += _with_models(base, bench)
    if find_spec("ray") is not None:
        found.append(Target("ray", lambda output: generate(output, "--engine", "ray"), dataset, 0.2))
    return {target.name: target for target in found}


def _with_models(base: Path, bench: Path) -> list[Target]:
    import torch
    import yaml
    from grpo_support import BY_LENGTH, smallest_model, write_scenes

    import reinforcesight.eval.engines.batches
    import reinforcesight.grpo.trainer
    import reinforcesight.sft.trainer  # noqa: F401 - imported once, for all forked copies

    torch.set_num_threads(1)
    os.environ["HF_DATASETS_CACHE"] = str(base / "cache")
    data, model = write_scenes(base / "scenes", train=8, validation=2), smallest_model(base / "model")
    steps = {"max_steps": 4, "eval_steps": 2, "save_steps": 1, "logging_steps": 1, "learning_rate": 0.01}
    steps |= {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1, "gradient_checkpointing": False}
    own = {"lora": {"rank": 2}, "evaluation": {"max_new_tokens": 3}, "model_path": str(model)}
    sft = {**own, "dataset": str(data), "trainer": steps}
    grpo_steps = {**steps, "per_device_train_batch_size": 4, "num_generations": 2, "max_completion_length": 6}
    grpo = {**own, "dataset": str(data), "trainer": grpo_steps, "resample_rounds": 0, "rewards": BY_LENGTH}
    grpo |= {"difficulty": {"enabled": False}, "groups": {"every": 0}}
    full = {"tuning": "full", "model_path": str(model), "evaluation": {"samples": 2, "max_new_tokens": 3}}
    whole = {
        "generate": {
            "source": "annotated",
            "input": str(base / "pictures"),
            "num_samples": 60,
            "workers": 1,
            "splits": {"train": 0.8, "validation": 0.2, "test": 0},
        },
        "audit": {"max_texts": 40},
        "benchmarks": {"own": str(bench)},
        "sft": {**full, "trainer": {**steps, "max_steps": 2}},
        "grpo": {**full, **{n: v for n, v in grpo.items() if n in ("rewards", "resample_rounds", "difficulty")}}
        | {"trainer": {**grpo_steps, "max_steps": 2}, "groups": {"every": 0}},
        "evaluate": {"max_new_tokens": 3},
        "report": {"scenes": 1, "answers": 1},
    }
    for name, values in (("sft", sft), ("grpo", grpo), ("run", whole)):
        (base / f"{name}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")

    def recipe(name: str) -> Callable[[Path], list[str]]:
        return lambda output: [name, "--config", str(base / f"{name}.yaml"), "--output", str(output)]

    def answers(output: Path) -> list[str]:
        words = ["evaluate", "--benchmark", str(bench), "--model_path", str(model), "--max_new_tokens", "3"]
        return [*words, "--batch_size", "2", "--tasks", "all", "--output", str(output / "results.json")]

    return [
        Target("sft", recipe("sft"), trained, 3),
        Target("grpo", recipe("grpo"), trained, 2),
        Target(
            "evaluate model",
            answers,
            lambda output: json_without(output / "results.json", "run") | files_of(output, "results.jsonl"),
            2,
        ),
        Target("run", recipe("run"), story, 0.15),
    ]


class Chaos:
    """Injures commands and compares their results with those of undisturbed runs."""

    def __init__(self, base: Path, seed: int, *, mounts: bool) -> None:
        self.base, self.rng, self.mounts = base, random.Random(seed), mounts
        self._references: dict[str, tuple[Result, float, int]] = {}

    def reference(self, target: Target) -> tuple[Result, float, int]:
        """Result of an undisturbed run, its seconds, and the size of its largest file."""
        if target.name not in self._references:
            output = self.base / f"reference-{target.name}".replace(" ", "-")
            target.prepare(output)
            started = time.monotonic()
            process = Process(target.arguments(output), self.base / "reference.log")
            if process.wait() != 0:
                raise SystemExit(f"{target.name} fails undisturbed:\n{process.text()[-3000:]}")
            seconds = time.monotonic() - started
            largest = max(path.stat().st_size for path in output.rglob("*") if path.is_file())
            self._references[target.name] = target.result(output), seconds, largest
        return self._references[target.name]

    def round(self, target: Target, number: int) -> Round:
        """Injure a command up to three times, then run it undisturbed, and judge."""
        expected, seconds, largest = self.reference(target)
        output, log = self.base / f"round-{number}", self.base / "round.log"
        record = Round(target.name)
        with self._disk(output, record, largest, prepared=target.prepare is not _nothing) as enlarge:
            target.prepare(output)
            arguments = target.arguments(output)
            for _ in range(self.rng.randint(1, 3)):
                kind = self.rng.choice(["kill", "kill", "worker", "signal", "flip", "flip", "full", "two"])
                record.injuries.append(kind)
                ended = self._injure(kind, arguments, output, log, seconds, largest)
                record.log += f"--- {kind}\n{log.read_text(errors='replace') if log.exists() else ''}"
                if ended in ("hang", "two wrote"):
                    record.outcome = ended
                    return record
            enlarge()
            process = Process(arguments, log)
            status = process.wait()
            record.log += f"--- undisturbed: {status}\n{process.text()}"
            record.outcome = self._judge(target, status, record.log, expected, output)
        shutil.rmtree(output, ignore_errors=True)
        return record

    def _judge(self, target: Target, status: int | None, log: str, expected: Result, output: Path) -> str:
        if status == -1000:
            return "hang"
        if "Traceback (most recent call last)" in log:
            return "traceback"
        last = [line for line in log.splitlines() if line.strip()][-1:]
        if status in target.noticed:
            named = status == 1 or (last and last[0].startswith("error: "))
            return "named" if named else "no line"
        if status != 0:
            return f"exit status {status}"
        found = target.result(output)
        differing = [name for name in sorted(expected.keys() | found.keys()) if expected.get(name) != found.get(name)]
        if not differing:
            return "same"
        return "silent difference: " + "; ".join(f"{n}: {expected.get(n)} became {found.get(n)}" for n in differing)

    def _injure(
        self, kind: str, arguments: list[str], output: Path, log: Path, seconds: float, largest: int
    ) -> str | None:
        if kind == "flip":
            return self._flip(output)
        if kind == "two":
            first, second = Process(arguments, log), Process(arguments, log.with_suffix(".second"))
            ended = {first.wait(), second.wait()}
            return "hang" if -1000 in ended else None
        limit = int(largest * self.rng.random() ** 2) + 100 if kind == "full" else None
        process = Process(arguments, log, file_limit=limit)
        if kind != "full":
            process.wait(self.rng.uniform(0, 1.1 * seconds))
            self._strike(process, kind)
        return "hang" if process.wait() == -1000 else None

    def _strike(self, process: Process, kind: str) -> None:
        workers = process.workers() if kind == "worker" else []
        number = self.rng.choice([signal.SIGINT, signal.SIGTERM]) if kind == "signal" else signal.SIGKILL
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, psutil.Error):
                if workers:
                    self.rng.choice(workers).kill()
                else:
                    os.kill(process.pid, number)

    def _flip(self, output: Path) -> None:
        """Change one to sixteen bytes of any file, or cut it off."""
        files = sorted(path for path in output.rglob("*") if path.is_file() and path.stat().st_size)
        if not files:
            return
        path = self.rng.choice(files)
        content = bytearray(path.read_bytes())
        at = self.rng.randrange(len(content))
        if self.rng.random() < 0.1:
            del content[at:]
        else:
            end = min(len(content), at + self.rng.choice([1, 1, 1, 16]))
            content[at:end] = bytes(byte ^ self.rng.randrange(1, 256) for byte in content[at:end])
        # In place, as a disk does it: hard links see it, too.
        with path.open("r+b") as stream:
            stream.write(content)
            stream.truncate(len(content))

    @contextlib.contextmanager
    def _disk(self, output: Path, record: Round, largest: int, *, prepared: bool) -> Iterator[Callable[[], object]]:
        """Sometimes a tmpfs that is too small; the yielded function makes it large enough."""
        output.mkdir(parents=True)
        if not self.mounts or prepared or self.rng.random() > 0.2:
            yield lambda: None
            return
        size = 8192 + int(4 * largest * self.rng.random())
        record.injuries.append("small disk")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(output)], check=True)
        large = ["mount", "-o", "remount,size=1g", str(output)]
        try:
            yield lambda: subprocess.run(large, check=True)
        finally:
            subprocess.run(["umount", "-l", str(output)], check=True)


def can_mount(base: Path) -> bool:
    place = base / "mount"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True)
    return mounted.returncode == 0 and subprocess.run(["umount", str(place)]).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=1e9, help="start no round after this time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", default="", help="comma-separated; by default all")
    parser.add_argument("--no_mounts", action="store_true", help="use no tmpfs as a small disk")
    parser.add_argument("--log", type=Path, help="file to which each round is appended, with the output of failures")
    options = parser.parse_args()
    wanted = [name for name in options.commands.split(",") if name]
    until = time.monotonic() + 60 * options.minutes
    counts: Counter[tuple[str, str]] = Counter()
    injuries: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        base = Path(folder)
        light = {"generate", "audit", "evaluate", "ray"}
        found = targets(base, engines=not wanted or not set(wanted) <= light)
        chosen = [found[name] for name in wanted] if wanted else list(found.values())
        chaos = Chaos(base, options.seed, mounts=not options.no_mounts and can_mount(base))
        for number in range(options.rounds):
            if time.monotonic() > until:
                break
            target = chaos.rng.choices(chosen, [target.weight for target in chosen])[0]
            done = chaos.round(target, number)
            counts[done.target, done.outcome] += 1
            injuries.update(done.injuries)
            bad = done.outcome not in ("same", "named")
            line = f"{number} {done.target}: {', '.join(done.injuries)}: {done.outcome[:2000]}"
            print(line, flush=True)
            if options.log is not None:
                with options.log.open("a", encoding="utf-8") as stream:
                    stream.write(line + "\n" + (done.log[-6000:] if bad else ""))
    print("\n| command | rounds | same result | named | failed |\n|---|---|---|---|---|")
    for name in sorted({name for name, _ in counts}):
        own = {outcome: n for (target, outcome), n in counts.items() if target == name}
        total, same, named = sum(own.values()), own.get("same", 0), own.get("named", 0)
        print(f"| {name} | {total} | {same} | {named} | {total - same - named} |")
    print("injuries: " + ", ".join(f"{name} {n}" for name, n in injuries.most_common()))
    failed = sum(n for (_, outcome), n in counts.items() if outcome not in ("same", "named"))
    print(f"{counts.total()} rounds, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
