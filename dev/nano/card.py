"""The model card of a pretrained embedded model: how it was made and what it scores, from the run's own record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reinforcesight.jobs.files import write_text
from reinforcesight.jobs.record import RunRecord
from reinforcesight.model.card import CARD_NAME

_SCORES = {
    "named": "objects named in a description, kind and colour right",
    "placed": "objects named, and placed right across and down (a centre within 2 % of a border counts for both sides)",
    "placed_strictly": "the same, without that allowance",
    "near": "of those named, how far away they are told right, in five bands",
    "invented": "objects described that are not there",
    "pointed": "points within a tenth of the picture from the middle of the object",
    "pointing_error": "mean distance of the point from the middle of the object, share of the picture",
    "present": "which of two objects is in the picture: letter and name right",
    "letters": "letter of a given answer found among two to four options",
}


def write_card(record: RunRecord, folder: Path) -> Path:
    """Write ``README.md`` beside the weights."""
    content = record.content
    results: Mapping[str, Any] = content["results"]
    sessions = content["sessions"]
    hours = sum(float(s.get("seconds", 0)) for s in sessions) / 3600
    hardware, source = content["hardware"], content["source"]
    rendering = content["config"]["rendering"]
    gpus = ", ".join(gpu["name"] for gpu in hardware["gpus"]) or "no GPU"
    rows = "\n".join(f"| {text} | {results[name]:.3f} |" for name, text in _SCORES.items() if name in results)
    changed = " (with uncommitted changes)" if source.get("uncommitted_changes") else ""
    start = content["config"].get("start_model")
    made = "from random weights" if start is None else "from an earlier model of this kind"
    recipe = "nano" if start is None else "nano_repaint" if content["config"].get("repaint") else "nano_more"
    command = f"python dev/pretrain_nano.py --config dev/nano/{recipe}.yaml"
    before = ""
    if start is not None:
        before = f"""
It went on from the weights of `{start}` as they were then; steps and hours are those after that, and docs/nano.md has
what came before. Fingerprint of those weights: {content["model"]["fingerprint"]}.
"""
    notes = "".join(f"\n{note}\n" for note in content.get("notes", []))
    text = f"""---
library_name: transformers
pipeline_tag: image-text-to-text
license: mit
tags: [spatial-reasoning, reinforcesight, pretrain-nano]
---

# nano

A Qwen2.5-VL of {content["model"]["parameters"]:,} parameters with the real architecture classes, made by
ReinforceSight {made}, so that its whole story runs on a laptop without
a download. It names the objects of rendered scenes and says where each is. It has not been trained to compare two
objects: that is what fine-tuning is for. It knows {len(rendering["kinds"])} kinds of things in
{len(rendering["colours"])} colours, and nothing else.

Kinds: {", ".join(rendering["kinds"])}. Colours: {", ".join(rendering["colours"])}.

## How it was made

    {command}

Commit {source["commit"]}{changed}; {results["steps"]} steps in {len(sessions)} session(s), {hours:.1f} hours in all;
{hardware["cpus"]} processor cores, {gpus}; {hardware["platform"]}, Python {hardware["python"]}.
{before}{notes}
## What it scores

On {int(results["objects"])} objects of {content["config"]["score_scenes"]} held-out scenes, by the same command:

| | |
|---|---|
{rows}
"""
    path = folder / CARD_NAME
    write_text(path, text)
    return path
