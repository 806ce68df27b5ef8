"""lmms-eval loads the exported tasks, asks with our prompt, and judges with our judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lmms_eval")


@pytest.mark.timeout(900)  # its import takes minutes on a busy machine
@pytest.mark.parametrize("protocol", ["direct", "reason"])
def test_a_task_is_loaded_and_scored(exports: Path, tmp_path: Path, protocol: str) -> None:
    from lmms_eval.tasks import TaskManager, get_task_dict

    from reinforcesight.export.lmms_eval import to_lmms_eval
    from reinforcesight.protocol import Protocol, with_instruction

    to_lmms_eval(tmp_path, exports / "cv-bench")
    name = f"reinforcesight_cv_bench_{protocol}"
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    task: Any = get_task_dict([name], manager)[name]
    docs = list(task.test_docs())
    assert docs
    for doc in docs:
        assert task.doc_to_text(doc) == with_instruction(doc["prompt"], Protocol(protocol))
        assert task.doc_to_visual(doc)[0].mode == "RGB"
        right = task.process_results(doc, [doc["answer"]])
        assert right["accuracy"]["correct"]
        assert not task.process_results(doc, ["I can't see it."])["accuracy"]["correct"]
