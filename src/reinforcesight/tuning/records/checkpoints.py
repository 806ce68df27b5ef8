"""Checkpoints that survive a kill: a checkpoint counts only if it matches its list of files, which is written last."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from reinforcesight.jobs.file_list import MARKER, changed_file, read_file_list, write_file_list

PREFIX = "checkpoint-"

# Files needed only to resume training; all other files are the model.
_TRAINING_ONLY = {MARKER, "optimizer.pt", "scheduler.pt", "scaler.pt", "trainer_state.json", "training_args.bin"}


def checkpoint_folder(output: Path, step: int) -> Path:
    return output / f"{PREFIX}{step}"


def mark_complete(checkpoint: Path) -> None:
    """Write the list of files, sizes and digests that makes a checkpoint complete, once all files are on the disk."""
    write_file_list(checkpoint, [file for file in _files(checkpoint) if file.name != MARKER])


def is_complete(checkpoint: Path) -> bool:
    """Return whether every listed file exists with its full size."""
    listed = read_file_list(checkpoint)
    try:
        return bool(listed) and all((checkpoint / name).stat().st_size == size for name, (size, _) in listed.items())
    except (OSError, ValueError):
        return False


def is_undamaged(checkpoint: Path) -> bool:
    """Return whether every listed file has its original content; reads all files."""
    return is_complete(checkpoint) and changed_file(checkpoint) is None


def complete_checkpoints(output: Path) -> list[Path]:
    """Return the complete checkpoints of a run, oldest step first."""
    return sorted((path for path in _folders(output) if is_complete(path)), key=step_of)


def _folders(output: Path) -> list[Path]:
    return [path for path in output.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdigit()]


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(PREFIX))


def remove_incomplete(output: Path) -> list[Path]:
    """Remove checkpoints that a kill left incomplete; return the removed folders."""
    broken = [path for path in _folders(output) if not is_complete(path)]
    for path in broken:
        shutil.rmtree(path)
    return broken


def remove_damaged(output: Path) -> list[Path]:
    """Remove the latest checkpoints until one is undamaged; return the removed folders."""
    removed: list[Path] = []
    for path in reversed(complete_checkpoints(output)):
        if is_undamaged(path):
            break
        (path / MARKER).unlink()
        shutil.rmtree(path)
        removed.append(path)
    return removed


def remove_old(output: Path, *, keep: int, best_step: int | None) -> None:
    """Keep the latest checkpoints and the best one, and remove the others."""
    for path in complete_checkpoints(output)[:-keep]:
        if step_of(path) != best_step:
            # The list goes first, so that the checkpoint no longer counts if a kill leaves some files.
            (path / MARKER).unlink()
            shutil.rmtree(path)


def publish(checkpoint: Path, output: Path) -> None:
    """Put a checkpoint's model and processor files into the run's folder.

    The configuration comes last, so that the folder counts as a model only when it is complete; then the list of the
    files, with which a reader notices damage.
    """
    (output / MARKER).unlink(missing_ok=True)
    files = [f for f in _files(checkpoint) if f.parent == checkpoint and not _serves_training(f)]
    for file in sorted(files, key=lambda f: f.name in {"config.json", "adapter_config.json"}):
        temporary = output / f".{file.name}.part"
        temporary.unlink(missing_ok=True)
        try:
            os.link(file, temporary)
        except OSError:  # another file system, or no support for links
            shutil.copyfile(file, temporary)
        temporary.replace(output / file.name)
    write_file_list(output, [output / file.name for file in files])


def _serves_training(file: Path) -> bool:
    return file.name in _TRAINING_ONLY or file.name.startswith("rng_state") or file.name == "README.md"


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())
