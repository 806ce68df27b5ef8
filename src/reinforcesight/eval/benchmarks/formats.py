"""Published formats of the known benchmarks: location, files, columns and official figures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.eval.benchmarks.rows import BenchmarkRow
from reinforcesight.eval.items import Figure, Item
from reinforcesight.protocol import LETTERS

# From a row, its number in its file, and the file: rows in our columns. Besides the columns of CV-Bench there are
# ``files`` (names of the picture to try) and ``group``. No row: it can't be asked.
RowReader = Callable[[BenchmarkRow, int, Path], Iterable[BenchmarkRow]]

YES_NO = ("yes", "no")
_ACCURACY = Figure("accuracy")


@dataclass(frozen=True)
class FileFormat:
    """Files of a benchmark with the same columns.

    Attributes:
        patterns: Names of the files, several with ``|``; those of the first pattern that matches any are read.
        needs: Columns; ``a|b`` means that one of them must be there.
        read: Function from a row of the file to rows with the columns of CV-Bench.
    """

    patterns: tuple[str, ...]
    needs: tuple[str, ...]
    read: RowReader
    more: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        return [name for entry in (*self.needs, *self.more) for name in entry.split("|")]


@dataclass(frozen=True)
class BenchmarkFormat:
    """A benchmark as published.

    Attributes:
        title: Name in reports.
        files: All kinds of files that are there are read.
        figures: Official figures, the main one first.
        hub, revision: Data set on the hub, and its commit; no commit: the newest one is taken and recorded.
        hub_files: Files to download.
        splits: Splits to read of a folder that ``datasets.save_to_disk`` wrote.
        not_asked: Which rows can't be asked, such as questions about several pictures; shown as a note.
        local: How to get the files, if they are not on the hub.
    """

    title: str
    files: tuple[FileFormat, ...]
    figures: tuple[Figure, ...]
    hub: str | None = None
    revision: str | None = None
    hub_files: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("test",)
    not_asked: str = ""
    local: str = ""


def lettered_options(row: Mapping[str, Any]) -> list[str]:
    """Return the options of VLMEvalKit's columns A, B, C, ...; empty ones are left out."""
    texts = [row.get(name) for name in LETTERS]
    return [str(text) for text in texts if text is not None and str(text).strip() not in ("", "nan", "None")]


def _yes_no(question: str, answer: object) -> BenchmarkRow:
    return {"question": question, "prompt": question, "choices": YES_NO, "answer": str(answer).strip().lower()}


def _blink(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    if row["sub_task"] in _BLINK_TASKS:
        names = ("question", "prompt", "choices", "answer")
        image = row["image_1"]
        yield {**{name: row[name] for name in names}, "id": row["idx"], "image": image, "task": row["sub_task"]}


_BLINK_TASKS = ("Relative_Depth", "Spatial_Relation")


def _embspatial(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    yield {
        "id": row["question_id"],
        "question": row["question"],
        "choices": row["answer_options"],
        "answer": row["answer"],
        "image": row["image"],
        "task": row["relation"],
        "source": row["data_source"],
    }


def _robospatial(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    if row["category"] != "context":  # which asks for points
        yield {**_yes_no(row["question"], row["answer"]), "image": row["img"], "task": row["category"]}


def _sat(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    """Ask each question once for each position of the right answer, as the authors of SAT do."""
    pictures, choices = row.get("image_bytes") or row.get("images"), list(row["answers"])
    if pictures is not None and len(pictures) == 1:
        for turn in range(len(choices)):
            yield {
                "id": f"{number}-{turn}",
                "group": str(number),
                "question": row["question"],
                "choices": choices[turn:] + choices[:turn],
                "answer": row["correct_answer"],
                "image": pictures,
                "task": row["question_type"],
            }


def _3dsrbench(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    yield {**_vlmevalkit_row(row), "id": row["qid"], "task": row["category"], "choices": lettered_options(row)}


def _vsr(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    if "caption" not in row:  # VLMEvalKit's table
        yield {**_vlmevalkit_row(row), **_yes_no(row["question"], row["answer"]), "task": "all"}
        return
    question = f"Is this statement about the picture true? {row['caption']} Answer yes or no."
    name = str(row["image"])
    yield {
        **_yes_no(question, {0: "no", 1: "yes"}.get(row["label"])),
        "files": [f"{folder}{name}" for folder in ("images/", "trainval2017/", "")],
        "source_filename": name,
        "task": _VSR_KIND.get(str(row["relation"]).strip(), "unallocated"),
    }


# From the authors' analysis_scripts/rel_meta_category_dict.txt; a relation that is in no line is unallocated.
_VSR_KIND = {
    relation: kind
    for kind, relations in {
        "adjacency": "adjacent to, alongside, at the side of, at the right side of, at the left side of, attached to, "
        "at the back of, ahead of, against, at the edge of",
        "directional": "off, past, toward, down, deep down, up, away from, along, around, from, into, to, across, "
        "across from, through, down from",
        "orientation": "facing, facing away from, parallel to, perpendicular to",
        "projective": "on top of, beneath, beside, behind, left of, right of, under, in front of, below, above, over, "
        "in the middle of",
        "proximity": "by, close to, near, far from, far away from",
        "topological": "connected to, detached from, has as a part, part of, contains, within, at, on, in, with, "
        "surrounding, among, consists of, out of, between, inside, outside, touching",
    }.items()
    for relation in relations.split(", ")
}


def _controlled(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    """Read What'sUp's photographs of pairs of objects: four captions, the first one correct."""
    name = str(row["image_path"])
    first, relation, *rest = Path(name).stem.split("_")  # such as beer-bottle_left_of_armchair
    yield {
        **_captions(row["caption_options"], name),
        "id": Path(name).stem,
        "group": f"{first} {rest[-1]} {'side' if relation in ('left', 'right') else 'other'}",
        "task": _CONTROLLED["clevr" in file.stem],
        "files": [name, name.removeprefix("data/")],  # ``data`` is the folder with these files
    }


def _caption_pairs(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    """Read What'sUp's pictures of COCO and Visual Genome: a correct caption and a wrong one."""
    picture, coco = row["0"], file.stem.startswith("coco")
    name = f"val2017/{str(picture).zfill(12)}.jpg" if coco else f"vg_images/{picture}.jpg"
    yield {
        **_captions([row["1"], row["2"]], name),
        "id": f"{file.stem}-{number}",
        "task": {"coco": "COCO", "vg": "GQA"}[file.stem.partition("_")[0]] + file.stem.partition("_qa")[2],
        "files": [name],
        "source_filename": name,
    }


def _captions(options: list[str], name: str) -> BenchmarkRow:
    """Return captions in an order that depends on their content, since the first one is always correct."""
    order = sorted(options, key=lambda text: hashlib.sha256(f"{name} {text}".encode()).digest())
    return {"question": "Which of these captions describes the picture?", "choices": order, "answer": options[0]}


def _set(item: Item) -> str:
    """Return the set of an item: four pictures of the same two objects. A group is two of them, with opposite
    relations.
    """
    return item.group.rpartition(" ")[0]


_CONTROLLED = ("Controlled_A", "Controlled_B")
# Name, kind, parts, group; tables 1 and 3 of the paper.
_WHATSUP_FIGURES: tuple[tuple[str, str, tuple[str, ...], Callable[[Item], str] | None], ...] = (
    ("What'sUp", "mean of A and B", _CONTROLLED, None),
    *((task, "pairs", (task,), lambda item: item.group) for task in _CONTROLLED),
    *((task, "sets", (task,), _set) for task in _CONTROLLED),
    ("COCO-spatial", "mean of one and two objects", ("COCO_one_obj", "COCO_two_obj"), None),
    ("GQA-spatial", "mean of one and two objects", ("GQA_one_obj", "GQA_two_obj"), None),
)


def _omnispatial(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    task, name = row["task_type"], str(row["id"])
    yield {
        "id": f"{task}-{name}",
        "question": row["question"],
        "choices": row["options"],
        "answer": row["answer"],
        "files": [f"{task}/{name.split('_')[0]}.png"],
        "task": row["sub_task_type"],
        "source": task,
    }


_OPTION_LINE = re.compile(r"^\(?([A-Z])[.)]\s+(.+?)\s*$", re.MULTILINE)
_ASKED_FORM = re.compile(r"\s*Please answer directly with .*$", re.DOTALL)
_NUMBERS = [str(number) for number in range(len(LETTERS))]


def _realworldqa(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    """Read questions with listed options, with yes or no, with a number, or with a word.

    An open answer has no options. A number is judged among the numbers from 0 to 25; any other word has no
    alternatives.
    """
    text, answer = _ASKED_FORM.sub("", str(row["question"])).strip(), str(row["answer"]).strip().rstrip(".")
    shared = {"image": row["image"], "source_filename": row.get("image_path")}
    listed = lettered_options(row) or [option for _, option in _OPTION_LINE.findall(text)]
    question = _OPTION_LINE.sub("", text).strip()
    if listed:
        yield {**shared, "question": question, "choices": listed, "answer": answer, "task": "multiple choice"}
    elif answer.lower() in YES_NO:
        yield {**shared, **_yes_no(question, answer), "task": "yes or no"}
    else:
        choices = _NUMBERS if answer in _NUMBERS else [answer]
        yield {
            **shared,
            "question": question,
            "prompt": question,
            "choices": choices,
            "answer": answer,
            "task": "open",
        }


_LETTERED = re.compile(r"\(([a-z])\)\s*")


def _mmvp(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    index = int(row.get("Index") or number + 1)
    options = _LETTERED.split(str(row["Options"]))[2::2]
    yield {
        "id": str(index),
        "group": str((index - 1) // 2),
        "question": row["Question"],
        "choices": [option.strip() for option in options],
        "answer": str(row["Correct Answer"]).strip().upper(),
        "image": row.get("image"),
        "files": [f"MMVP Images/{index}.jpg"],
        "task": "all",
    }


def _vlmevalkit_row(row: BenchmarkRow) -> BenchmarkRow:
    """Read the columns that all of VLMEvalKit's tables have. A circular copy has its question's index + n * 10**6."""
    index, hint = str(row.get("index") or ""), row.get("hint")
    group = row.get("g_index") or (int(float(index)) % 10**6 if re.fullmatch(r"\d+(\.0)?", index) else index)
    return {
        "id": index,
        "index": index,
        "group": str(group),
        "question": f"{hint}\n{row['question']}" if hint else row["question"],
        "answer": row["answer"],
        "image": row.get("image"),
        "files": [row.get("image_path")],
    }


def _vlmevalkit(row: BenchmarkRow, number: int, file: Path) -> Iterable[BenchmarkRow]:
    options = lettered_options(row)
    asked = {"choices": options} if options else _yes_no(str(row["question"]), row["answer"])
    yield {**_vlmevalkit_row(row), **asked, "task": row.get("category") or "all", "source": row.get("split") or ""}


def _only(*tasks: str) -> Callable[[str, str], str | None]:
    return lambda task, _: task if task in tasks else None


# Any table of VLMEvalKit that has no format here.
VLMEVALKIT = BenchmarkFormat(
    title="",
    files=(FileFormat(("*.tsv",), ("question", "answer", "image|image_path"), _vlmevalkit),),
    figures=(Figure("circular accuracy", group=lambda item: item.group),),
)

BENCHMARK_FORMATS: dict[str, BenchmarkFormat] = {
    "blink": BenchmarkFormat(
        title="BLINK",
        hub="BLINK-Benchmark/BLINK",
        revision="98cc5d1bb4978857cf868598fefd35a510579e2f",
        hub_files=tuple(f"{task}/val-*.parquet" for task in _BLINK_TASKS),
        files=(
            FileFormat(
                ("|".join(f"{task}/val-*.parquet" for task in _BLINK_TASKS),),
                ("idx", "sub_task", "question", "prompt", "choices", "answer", "image_1"),
                _blink,
            ),
        ),
        splits=("val",),
        figures=(Figure("mean of tasks", part=_only(*_BLINK_TASKS), parts=_BLINK_TASKS),),
    ),
    "embspatial": BenchmarkFormat(
        title="EmbSpatial-Bench",
        hub="Phineas476/EmbSpatial-Bench",
        revision="e2733cacf0f20371518c687176e881d79644e61e",
        hub_files=("embspatial_bench.json",),
        files=(
            FileFormat(
                ("embspatial_bench.json", "data/test-*.parquet"),
                ("question_id", "question", "answer_options", "answer", "image", "relation", "data_source"),
                _embspatial,
            ),
        ),
        figures=(_ACCURACY,),
    ),
    "robospatial-home": BenchmarkFormat(
        title="RoboSpatial-Home",
        hub="chanhee-luke/RoboSpatial-Home",
        hub_files=("*.parquet",),
        files=(
            FileFormat(("annotations.json", "**/*.parquet"), ("category", "question", "answer", "img"), _robospatial),
        ),
        splits=("configuration", "compatibility"),
        figures=(
            Figure(
                "VQA average",
                part=_only("configuration", "compatibility"),
                parts=("configuration", "compatibility"),
            ),
        ),
        not_asked="rows of the category context ask for points",
    ),
    "sat-real": BenchmarkFormat(
        title="SAT real, single pictures",
        hub="array/SAT",
        revision="bda5dde942d7f7b41bff7935f086ed9a9e348ae3",
        hub_files=("SAT_test.parquet",),
        files=(
            FileFormat(
                ("SAT_test.parquet", "data/test-*.parquet"),
                ("image_bytes|images", "question", "answers", "correct_answer", "question_type"),
                _sat,
            ),
        ),
        figures=(Figure("circular, mean over orders"), Figure("circular, all orders", group=lambda item: item.group)),
        not_asked="questions about several pictures",
    ),
    "3dsrbench": BenchmarkFormat(
        title="3DSRBench",
        hub="ccvl/3DSRBench",
        revision="24bc4854ead64eb7d1442da7e4789d2c807816b2",
        hub_files=("3dsrbench_v1_vlmevalkit_circular.tsv",),
        files=(
            FileFormat(
                ("3dsrbench_v1_vlmevalkit_circular.tsv", "3DSRBench.tsv", "3dsrbench_v1_vlmevalkit.tsv"),
                ("index", "qid", "question", "A", "B", "answer", "category", "image"),
                _3dsrbench,
            ),
        ),
        figures=(
            Figure("flip_circ_eval", group=lambda item: item.id.partition("-")[0]),
            Figure("circ_eval", group=lambda item: re.sub(r"-\d+$", "", item.id)),
            Figure("flip_eval", group=lambda item: item.id.replace("-flip", "")),
            Figure("vanilla"),
        ),
    ),
    "vsr": BenchmarkFormat(
        title="VSR, zero-shot split",
        hub="ignoreandfly/vsr_zeroshot_tsv",
        hub_files=("vsr_zeroshot_dataset_yn_strict.tsv",),
        files=(
            FileFormat(
                ("test.jsonl", "splits/zeroshot/test.jsonl", "vsr_zeroshot_dataset_yn_strict.tsv"),
                ("image", "caption|question", "label|answer"),
                _vsr,
                more=("relation", "index"),
            ),
        ),
        figures=(_ACCURACY,),
    ),
    "whatsup": BenchmarkFormat(
        title="What'sUp",
        local="download the files named in github.com/amitakamath/whatsup_vlms and give their folder, whatsup=DIR",
        files=(
            FileFormat(
                ("controlled_images_dataset.json|controlled_clevr_dataset.json",),
                ("image_path", "caption_options"),
                _controlled,
            ),
            FileFormat(("coco_qa_*_obj.json|vg_qa_*_obj.json",), ("0", "1", "2"), _caption_pairs),
        ),
        figures=(
            *(
                Figure(f"{name}, {what}", part=_only(*parts), parts=parts, group=group)
                for name, what, parts, group in _WHATSUP_FIGURES
            ),
        ),
    ),
    "omnispatial": BenchmarkFormat(
        title="OmniSpatial",
        hub="qizekun/OmniSpatial",
        revision="6691f3288bb1ff207d6ead4d841b505de08a6fd8",
        hub_files=("OmniSpatial-test.zip",),
        files=(
            FileFormat(
                ("data.json", "OmniSpatial-test/data.json"),
                ("id", "question", "options", "answer", "task_type", "sub_task_type"),
                _omnispatial,
            ),
        ),
        figures=(_ACCURACY,),
    ),
    "realworldqa": BenchmarkFormat(
        title="RealWorldQA",
        hub="xai-org/RealworldQA",
        revision="17e7f75e092e47169732462ea3cdfebe911105dd",
        hub_files=("data/test-*.parquet",),
        files=(
            FileFormat(
                ("data/test-*.parquet", "RealWorldQA.tsv"),
                ("question", "answer", "image"),
                _realworldqa,
                more=("image_path", *LETTERS),
            ),
        ),
        figures=(_ACCURACY,),
    ),
    "mmvp": BenchmarkFormat(
        title="MMVP",
        hub="MMVP/MMVP",
        hub_files=("Questions.csv", "MMVP Images/*"),
        files=(
            FileFormat(
                ("Questions.csv", "data/*.parquet"),
                ("Question", "Options", "Correct Answer"),
                _mmvp,
                more=("Index", "image"),
            ),
        ),
        splits=("train", "test"),
        figures=(Figure("pairs", group=lambda item: item.group), _ACCURACY),
    ),
}
