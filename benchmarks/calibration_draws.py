"""Does the bound of ``calibrate`` hold on rooms that it has not seen, and how many claims does it keep?

    python benchmarks/calibration_draws.py --rooms ../shared/real_inputs/nyu_rooms
    python benchmarks/calibration_draws.py --rooms ROOMS --models ../shared/real_models --claims claims.npz

``halves``: a threshold is chosen on a random half of the rooms and judged on the other half. A row with a number draws
so many rooms with replacement, chooses a threshold, and judges it on all rooms: this shows what more rooms would give,
if they were like these. "found": draws in which a threshold passed; "kept": their mean share of the default rules'
claims; "wrong": their mean error on the rooms that judge; "broken": draws with an error above the requested one.
``--models`` runs FastDepth on several views of each picture instead of reading the stored estimates. ``--claims`` keeps
the claims, so that another run needs neither pictures nor models. ``--curve`` prints the error by kept share.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import click
import numpy as np
from photo_truth import small_models

from reinforcesight.data_gen.calibration import run
from reinforcesight.data_gen.calibration.bounds import least_strict, steps_of
from reinforcesight.data_gen.calibration.claims import Claims
from reinforcesight.data_gen.calibration.config import CalibrateConfig
from reinforcesight.data_gen.perception.depth_views import MultiViewDepth
from reinforcesight.relations import DEFAULT_RULES, Axis

CURVE = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def claims_on(rooms: Path, models: Path | None) -> dict[str, Claims]:
    """The default rules' claims by axis, with the given intrinsics."""
    kept: dict[Axis, Claims] = {}
    claims_of = run.claims_of

    def remembered(*arguments: object) -> dict[Axis, Claims]:
        kept.update(claims_of(*arguments))
        return kept

    run.claims_of = remembered
    settings = {"input": rooms, "camera": "given", "rules": DEFAULT_RULES}
    depth = None if models is None else MultiViewDepth(small_models(models).FastDepth())
    with tempfile.TemporaryDirectory() as folder:
        settings["output"] = Path(folder) / "calibration.json"
        settings["estimates"] = "stored" if depth is None else "model"
        run.calibrate(CalibrateConfig.model_validate(settings), depth)
    run.claims_of = claims_of
    return {axis.value: claims for axis, claims in kept.items()}


def stored(path: Path | None, rooms: Path, models: Path | None) -> dict[str, Claims]:
    """Claims of a file if it exists, otherwise those of the rooms, written there."""
    if path is not None and path.exists():
        found = np.load(path)
        axes = sorted({name.split("/")[0] for name in found})
        return {a: Claims(found[f"{a}/picture"], found[f"{a}/score"], found[f"{a}/wrong"], 0) for a in axes}
    claims = claims_on(rooms, models)
    if path is not None:
        fields = {f"{a}/{name}": getattr(c, name) for a, c in claims.items() for name in ("picture", "score", "wrong")}
        np.savez(path, **fields)
    return claims


def one_draw(
    claims: Claims, members: list[np.ndarray], drawn: np.ndarray, judges: np.ndarray, errors: list[float]
) -> list[tuple[float, float] | None]:
    """Kept share and error on the judging rooms for each requested error; ``None`` if no threshold passes."""
    at = np.concatenate([members[room] for room in drawn])
    picture = np.repeat(np.arange(len(drawn)), [len(members[room]) for room in drawn])
    steps = steps_of(claims.score[at], claims.wrong[at], picture)
    judged = np.concatenate([members[room] for room in judges])
    results: list[tuple[float, float] | None] = []
    for error in errors:
        step = least_strict(steps, error)
        if step is None:
            results.append(None)
            continue
        kept = claims.score[judged] >= step.threshold
        results.append((float(kept.mean()), float(claims.wrong[judged][kept].mean()) if kept.any() else 0.0))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=Path, required=True, help="pictures with outlines and both depths")
    parser.add_argument("--models", type=Path, help="folder of small_models.py")
    parser.add_argument("--claims", type=Path, help="file to keep the claims in")
    parser.add_argument("--sizes", type=int, nargs="*", default=[200, 326, 653, 1500], help="numbers of drawn rooms")
    parser.add_argument("--errors", type=float, nargs="*", default=[0.01, 0.015, 0.02, 0.03], help="requested errors")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--curve", action="store_true", help="print the error by kept share, and stop")
    args = parser.parse_args()
    for axis, claims in stored(args.claims, args.rooms, args.models).items():
        _, number = np.unique(claims.picture, return_inverse=True)
        members = [np.flatnonzero(number == room) for room in range(int(number.max()) + 1)]
        if args.curve:
            best = claims.wrong[np.argsort(-claims.score, kind="stable")]
            cells = [f"{share:.0%}: {best[: round(share * len(best))].mean():.2%}" for share in CURVE]
            click.echo(f"{axis}: wrong by kept share: {', '.join(cells)}")
            continue
        click.echo("| axis | rooms | requested | found | kept | wrong | broken |\n|---|---|---|---|---|---|---|")
        for size in ("halves", *args.sizes):
            rows: list[list[tuple[float, float] | None]] = []
            for draw in range(args.draws):
                rng, rooms = np.random.default_rng([args.seed, draw]), np.arange(len(members))
                if size == "halves":
                    rooms = rng.permutation(rooms)
                    half = len(rooms) // 2
                    rows.append(one_draw(claims, members, rooms[:half], rooms[half:], args.errors))
                else:
                    rows.append(one_draw(claims, members, rng.choice(rooms, size), rooms, args.errors))
            for error, results in zip(args.errors, zip(*rows, strict=True), strict=True):
                found = np.array([result for result in results if result is not None]).reshape(-1, 2)
                kept, wrong = (
                    f"{v:.1%}" if len(found) else "-" for v in (found.mean(axis=0) if len(found) else (0, 0))
                )
                broken = int((found[:, 1] > error).sum())
                click.echo(f"| {axis} | {size} | {error:.1%} | {len(found)} | {kept} | {wrong} | {broken} |")


if __name__ == "__main__":
    main()
