"""Evaluate one checkpoint with ``reinforcesight evaluate`` and with lmms-eval, and explain each answer that differs.

    python benchmarks/lmms_eval_side_by_side.py --model_path DIR --benchmark FOLDER --limit 48 --output reports/side

Run it with a Python that has both packages (docs/export.md says which versions). FOLDER has CV-Bench's layout, such as
``export --to cv-bench`` writes. Both get the same questions and the checkpoint's own bounds of picture size. Where the
answers differ, this program asks again with one difference of lmms-eval at a time: bfloat16 weights, pictures resized
by qwen-vl-utils first (with ``--force_simple`` also as JPEG of quality 85, and a system message); then with all.
The first that gives lmms-eval's answer is named as the reason. ``--native`` also runs lmms-eval's own task ``cv_bench``
on the same rows, whose prompt and parser differ.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from reinforcesight.eval.benchmarks.load import load_benchmark
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.export.lmms_eval import to_lmms_eval
from reinforcesight.jobs.files import write_text
from reinforcesight.judge import judge_row
from reinforcesight.model import chat
from reinforcesight.protocol import Protocol

SYSTEM = "You are a helpful assistant."  # lmms_eval/models/simple/qwen2_5_vl.py, version 0.7.3
JPEG_QUALITY = 85  # the same file

Rows = dict[str, dict[str, Any]]
Answers = dict[str, tuple[str, bool]]  # id to response and verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_path", required=True)
    parser.add_argument("--benchmark", required=True, help="folder in CV-Bench's layout")
    parser.add_argument("--protocol", choices=[p.value for p in Protocol], default="direct")
    parser.add_argument("--limit", type=int, default=48)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--model", default="qwen2_5_vl", help="name of the model class in lmms-eval")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--force_simple", action="store_true", help="lmms-eval's older class of the model")
    parser.add_argument("--native", action="store_true", help="also lmms-eval's own task cv_bench")
    arguments = parser.parse_args()
    rows = chosen_rows(arguments.benchmark, arguments.limit)
    write_rows(arguments.output / "bench", rows)

    def ours(name: str, alter: Callable[[bytes], bytes] | None = None, dtype: str = "auto") -> Answers:
        folder = arguments.output / "bench"
        if alter is not None:
            folder = arguments.output / f"bench-{name}"
            write_rows(folder, rows, alter)
        config = EvaluateConfig(
            model_path=arguments.model_path,
            benchmark=str(folder),
            protocol=arguments.protocol,
            output=arguments.output / f"{name}.json",
            report=False,
        )
        evaluate(config.model_copy(update={"model": config.model.model_copy(update={"dtype": dtype})}))
        lines = map(json.loads, (arguments.output / f"{name}.jsonl").read_text().splitlines())
        return {line["id"]: (line["response"], line["correct"]) for line in lines}

    processor = chat_processor(arguments.model_path)
    plain = ours("ours")
    theirs, prompts = lmms_eval(arguments, processor)
    shown = {line["id"]: line["prompt"] for line in map(json.loads, (arguments.output / "ours.jsonl").open())}
    altered = as_lmms_eval_sends(processor, simple=arguments.force_simple)
    reasons: dict[str, Callable[[], Answers]] = {
        "precision (bfloat16)": lambda: ours("bfloat16", dtype="bfloat16"),
        "picture": lambda: ours("picture", altered),
        "precision and picture": lambda: ours("both", altered, "bfloat16"),
    }
    if arguments.force_simple:
        reasons["system message"] = lambda: with_system(lambda: ours("system"))
        reasons["all three"] = lambda: with_system(lambda: ours("all", altered, "bfloat16"))
    explain(arguments.output, rows, plain, theirs, {n: shown[n] == prompts[n] for n in theirs}, reasons)


def chosen_rows(benchmark: str, limit: int) -> Rows:
    """Return rows in CV-Bench's columns by id, spread over the tasks."""
    ids = {item.id for item in load_benchmark(benchmark, limit=limit).items}
    files = sorted(Path(benchmark).glob("test_*.parquet"))
    found = {str(row["idx"]): row for file in files for row in pq.read_table(file).to_pylist()}
    return {name: row for name, row in found.items() if name in ids}


def write_rows(folder: Path, rows: Rows, alter: Callable[[bytes], bytes] | None = None) -> None:
    """Write a benchmark that both harnesses read, with altered pictures."""
    from datasets import Dataset, Features, List, Value
    from datasets import Image as Picture

    columns = ("idx", "type", "task", "image", "question", "choices", "answer", "prompt", "filename", "source")
    kept = [{name: row[name] for name in columns} for row in rows.values()]
    if alter is not None:
        kept = [{**row, "image": {"bytes": alter(row["image"]["bytes"]), "path": None}} for row in kept]
    text = Value("string")
    special = {"idx": Value("int64"), "image": Picture(), "choices": List(text)}
    features = Features({name: special.get(name, text) for name in columns})
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(kept, schema=features.arrow_schema)
    assert Dataset(table).features == features
    pq.write_table(table, folder / "test.parquet")
    write_text(
        folder / "README.md",
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: test\n    path: test.parquet\n---\n",
    )


def chat_processor(model_path: str) -> Any:
    from reinforcesight.model.load import load_model
    from reinforcesight.model.options import ModelConfig

    return load_model(ModelConfig(model_path=model_path)).processor


def bounds(processor: Any) -> tuple[int, int]:
    """Return the checkpoint's own smallest and largest number of pixels, which lmms-eval's defaults would override."""
    size = processor.image_processor.size
    return int(size["shortest_edge"]), int(size["longest_edge"])


def lmms_eval(arguments: argparse.Namespace, processor: Any) -> tuple[Answers, dict[str, str]]:
    """Run lmms-eval; return its answers, judged by the same judge, and its prompts."""
    low, high = bounds(processor)
    bench = arguments.output / "bench"
    to_lmms_eval(arguments.output / "tasks", bench)
    tasks = [f"reinforcesight_bench_{arguments.protocol}"]
    if arguments.native:
        tasks.append(_native_task(arguments.output / "tasks", bench))
    where = f"device={arguments.device},device_map={arguments.device}"
    command = [sys.executable, "-m", "lmms_eval", "--model", arguments.model, "--batch_size", "8", "--log_samples"]
    command += [
        "--model_args",
        f"pretrained={_folder(arguments.model_path)},{where},min_pixels={low},max_pixels={high}",
    ]
    command += ["--force_simple"] if arguments.force_simple else []
    command += ["--include_path", str(arguments.output / "tasks"), "--tasks", ",".join(tasks)]
    # A cache of its own: datasets' cache may hold other rows of a folder that is made again.
    cache = {"HF_DATASETS_CACHE": str((arguments.output / "cache").resolve())}
    subprocess.run(
        [*command, "--output_path", str(arguments.output / "lmms")], check=True, env={**os.environ, **cache}
    )
    samples = {task: _samples(arguments.output / "lmms", task) for task in tasks}
    if arguments.native:
        _report_native(arguments.output, samples[tasks[1]])
    found = {str(s["accuracy"]["id"]): s for s in samples[tasks[0]]}
    return (
        {name: (s["filtered_resps"], s["accuracy"]["correct"]) for name, s in found.items()},
        {name: s["input"] for name, s in found.items()},
    )


def _folder(model_path: str) -> str:
    from reinforcesight.model.load import resolve_path

    return str(resolve_path(model_path))


def _native_task(folder: Path, bench: Path) -> str:
    """Write lmms-eval's own task for these rows: its prompt, its parser."""
    name, module = "cv_bench_on_these_rows", "lmms_eval.tasks.cv_bench.utils"
    write_text(
        folder / f"{name}.yaml",
        f"task: {name}\ndataset_path: {bench.resolve()}\ndataset_name: default\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_target: answer\n"
        f"doc_to_visual: !function {module}.cv_bench_doc_to_visual\n"
        f"doc_to_text: !function {module}.cv_bench_doc_to_text\n"
        f"process_results: !function {module}.cv_bench_process_results\n"
        "metric_list:\n  - metric: cv_bench_acc\n"
        f"    aggregation: !function {module}.cv_bench_aggregate_results\n    higher_is_better: true\n"
        "generation_kwargs:\n  max_new_tokens: 1024\n"
        'lmms_eval_specific_kwargs:\n  default:\n    pre_prompt: "Note: You only need to respond with {} without '
        'providing any additional information.\\n"\n    post_prompt: ""\n',
    )
    return name


def _samples(folder: Path, task: str) -> list[dict[str, Any]]:
    files = sorted(folder.rglob(f"*_samples_{task}.jsonl"))
    return [json.loads(line) for line in files[-1].read_text().splitlines()]


def _report_native(output: Path, samples: list[dict[str, Any]]) -> None:
    """Say how often lmms-eval's own parser and our judge disagree about the same responses."""
    rows = {str(row["idx"]): row for row in pq.read_table(output / "bench" / "test.parquet").to_pylist()}
    lines = []
    for sample in samples:
        record = sample["cv_bench_acc"]
        verdict = judge_row(record["pred"], rows[str(record["id"])])
        if verdict.correct != record["is_correct"]:
            lines.append({"id": record["id"], "response": record["pred"], "theirs": record["pred_parsed"]})
            lines[-1] |= {"ours": verdict.letter, "right": record["gt_content"]}
    right = sum(sample["cv_bench_acc"]["is_correct"] for sample in samples)
    print(f"cv_bench's own prompt and parser: {right} of {len(samples)} right; {len(lines)} judged otherwise by ours")
    write_text(output / "parser.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


def as_lmms_eval_sends(processor: Any, *, simple: bool) -> Callable[[bytes], bytes]:
    """Return the function that turns a picture into what lmms-eval's ``qwen2_5_vl`` gives to the processor."""
    from qwen_vl_utils import process_vision_info

    low, high = bounds(processor)

    def alter(picture: bytes) -> bytes:
        shown = Image.open(io.BytesIO(picture)).convert("RGB")
        content: dict[str, Any] = {"type": "image", "image": shown}
        if simple:
            buffer = io.BytesIO()
            shown.save(buffer, "JPEG", quality=JPEG_QUALITY)
            content |= {"image": Image.open(buffer), "min_pixels": low, "max_pixels": high}
        images, _ = process_vision_info([{"role": "user", "content": [content]}])
        buffer = io.BytesIO()
        images[0].save(buffer, "PNG")
        return buffer.getvalue()

    return alter


def with_system(work: Callable[[], Answers]) -> Answers:
    """Ask with lmms-eval's system message before the question."""
    plain = chat.chat_text

    def chat_text(processor: Any, messages: list[Any], **more: Any) -> str:
        return plain(processor, [{"role": "system", "content": SYSTEM}, *messages], **more)

    chat.chat_text = chat_text
    try:
        return work()
    finally:
        chat.chat_text = plain


def _told(response: str) -> str:
    """Return what follows the reasoning, which lmms-eval takes out before it logs a response."""
    return response.rpartition("</think>")[2].strip()


def explain(
    output: Path,
    rows: Rows,
    ours: Answers,
    theirs: Answers,
    same_prompt: Mapping[str, bool],
    reasons: Mapping[str, Callable[[], Answers]],
) -> None:
    """Write an item-by-item table, and say which difference between the harnesses explains which answer."""
    differ = [name for name in theirs if _told(ours[name][0]) != _told(theirs[name][0])]
    asked = {reason: answers() for reason, answers in reasons.items()} if differ else {}
    lines, counts = [], Counter[str]()
    for name in theirs:
        why = "same answer"
        if name in differ:
            same = [r for r, found in asked.items() if _told(found[name][0]) == _told(theirs[name][0])]
            why = same[0] if same else "not explained"
        elif ours[name][1] != theirs[name][1]:
            why = "parser"
        counts[f"{why}, {'same' if ours[name][1] == theirs[name][1] else 'other'} verdict"] += 1
        line = {"id": name, "task": rows[name]["task"], "why": why, "same_prompt": same_prompt[name]}
        pair = {"ours": ours[name][0], "ours_right": ours[name][1]}
        lines.append({**line, **pair, "theirs": theirs[name][0], "theirs_right": theirs[name][1]})
    write_text(output / "items.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    right = [sum(found[name][1] for name in theirs) for found in (ours, theirs)]
    print(f"{len(theirs)} questions: {right[0]} right here, {right[1]} right in lmms-eval")
    print(f"prompts that are not the same text: {sum(not same for same in same_prompt.values())}")
    for why, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        print(f"{count:5d}  {why}")
    print(f"item by item: {output / 'items.jsonl'}")


if __name__ == "__main__":
    main()
