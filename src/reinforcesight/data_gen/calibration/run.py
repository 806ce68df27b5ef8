"""``reinforcesight calibrate``: measure how often labels from estimated depth are wrong, by strictness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import click
import numpy as np

from reinforcesight.arrays import Float32Array
from reinforcesight.data_gen.calibration.bounds import steps_of
from reinforcesight.data_gen.calibration.claims import MeasuredPicture, claims_of
from reinforcesight.data_gen.calibration.config import CalibrateConfig
from reinforcesight.data_gen.calibration.names import names_record
from reinforcesight.data_gen.calibration.record import AxisRecord, Calibration
from reinforcesight.data_gen.perception.camera import camera_from_exif
from reinforcesight.data_gen.perception.depth_maps import fitted_depth
from reinforcesight.data_gen.perception.protocols import DepthEstimator, DepthPrediction
from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.annotated.depth_files import DepthRefusedError, read_depth
from reinforcesight.data_gen.sources.annotated.source import AnnotatedPicture, AnnotatedSource
from reinforcesight.errors import InputError
from reinforcesight.jobs.files import only_writer_of, write_text
from reinforcesight.jobs.progress import Progress
from reinforcesight.pictures.decode import decode_rgb, read_bytes
from reinforcesight.relations.kinds import Axis
from reinforcesight.scene import Camera

_SHOWN = (0.3, 0.5, 0.7, 0.85, 1.0)


def calibrate(config: CalibrateConfig, depth: DepthEstimator | None = None) -> Calibration:
    """Measure, write ``calibration.json`` and print the tables; ``depth`` replaces the estimator of ``perception``.

    Raises:
        InputError: No picture has masks, measured depth and an estimate; or a model can't be loaded.
        OutputError: The file can't be written.
    """
    with only_writer_of(config.output):
        return _calibrate(config, depth)


def _calibrate(config: CalibrateConfig, depth: DepthEstimator | None) -> Calibration:
    source = AnnotatedSource(
        config.input, image_root=config.image_root, box_frame=config.box_frame, checks=config.input_checks
    )
    source.print_doubts()
    reader = _Reader(config, source, depth)
    with Progress("pictures", source.count()) as progress:
        claims = claims_of(reader.pictures(progress), config.rules)
    if reader.used == 0:
        reasons = ", ".join(f"{reason} {count}" for reason, count in reader.skipped.most_common(5))
        raise InputError(
            f"no picture can be used for calibration ({reasons or 'there are none'})",
            where=str(config.input),
            fix="give --image_root, the folder of the pictures"
            if reader.skipped["missing_file"]
            else "give pictures with outlines and depth_file_name, as docs/annotated-input.md describes",
        )
    result = Calibration(
        input=str(config.input),
        pictures=reader.used,
        skipped=dict(reader.skipped),
        depth_model=reader.identity,
        views=reader.views,
        confidence=config.confidence,
        rules=config.rules,
        axes={
            axis: AxisRecord(
                claims=len(found.score),
                wrong=int(found.wrong.sum()),
                undecided=found.unknown,
                steps=tuple(steps_of(found.score, found.wrong, found.picture, confidence=config.confidence)),
            )
            for axis, found in claims.items()
        },
    )
    if config.names is not None:
        named = AnnotatedSource(config.names)
        records = (names_record(named, path, confidence=config.confidence) for path in config.name_detections)
        result = result.model_copy(update={"names": tuple(records)})
    write_text(config.output, result.model_dump_json(indent=1) + "\n")
    _print(result, config.max_label_error)
    click.echo(f"wrote {config.output}")
    return result


class _Reader:
    """Reads pictures with measured and estimated depth, one at a time, and counts the pictures without them."""

    def __init__(self, config: CalibrateConfig, source: AnnotatedSource, depth: DepthEstimator | None) -> None:
        self.config, self.source = config, source
        self.used = 0
        self.views = False
        self.skipped: Counter[str] = Counter()
        self._model = depth
        if depth is None and config.estimates == "model":
            from reinforcesight.data_gen.perception.models.build import build_depth

            self._model = build_depth(config.perception)
        self.identity = "stored estimates" if self._model is None else self._model.identity

    def pictures(self, progress: Progress) -> Iterator[MeasuredPicture]:
        for index in range(self.source.count()):
            try:
                found = self.source.read(index)
                yield self._measured(found)
                self.used += 1
            except PictureRejected as rejected:
                self.skipped[rejected.reason] += 1
            except DepthRefusedError as refused:
                self.skipped[refused.reason] += 1
            progress.advance()

    def _measured(self, found: AnnotatedPicture) -> MeasuredPicture:
        if found.depth is None:
            raise DepthRefusedError("no_measured_depth", found.source_id)
        width, height = found.picture.width, found.picture.height
        estimate = self._estimated(found)
        if estimate.kind == "inverse":
            raise DepthRefusedError("relative_depth", "a relative depth model gives no ratios of depths")
        self.views = self.views or bool(estimate.views)
        return MeasuredPicture(
            name=found.source_id,
            width=width,
            height=height,
            detections=found.detections,
            measured=found.depth.z,
            true_camera=found.camera,
            estimated=fitted_depth(estimate.values, width, height),
            views=[fitted_depth(view, width, height) for view in estimate.views],
            camera=self._camera(found, estimate),
        )

    def _camera(self, found: AnnotatedPicture, estimate: DepthPrediction) -> Camera | None:
        """Return the camera that ``generate`` would use for this picture."""
        width, height = found.picture.width, found.picture.height
        if self.config.camera == "given":
            return found.camera
        camera = camera_from_exif(read_bytes(found.path), width, height)
        if camera is None and estimate.focal is not None:
            camera = Camera.centred(estimate.focal, width, height, "model")
        return camera

    def _estimated(self, found: AnnotatedPicture) -> DepthPrediction:
        if self._model is not None:
            (prediction,) = self._model.estimate([np.asarray(decode_rgb(found.picture.data))])
            return prediction
        record = found.record
        if record.get("estimated_depth_file_name") is None:
            raise DepthRefusedError("no_stored_estimate", found.source_id)
        others = record.get("estimated_view_file_names")
        names = [record["estimated_depth_file_name"], *(others if isinstance(others, list) else [])]
        first, *views = [self._stored(found, record, name) for name in names]
        return DepthPrediction(first, "metric", views=tuple(views))

    def _stored(self, found: AnnotatedPicture, record: Mapping[str, object], name: object) -> Float32Array:
        try:
            path = self.source.file(name)
        except InputError as error:
            raise DepthRefusedError("depth_path_leaves_folder", str(error)) from error
        scale = record.get("estimated_depth_scale", record.get("depth_scale"))
        depth = read_depth(path, width=found.picture.width, height=found.picture.height, scale=scale)
        return np.asarray(depth.z, dtype=np.float32)


_TITLES = {Axis.DEPTH: "in front / behind", Axis.DISTANCE: "closer / farther"}


def _print(result: Calibration, max_error: float) -> None:
    tables = [(_TITLES[axis], "claims", record) for axis, record in result.axes.items()]
    tables += [(f"names of detector {n + 1}", "names", record) for n, record in enumerate(result.names)]
    for title, what, record in tables:
        share = record.wrong / record.claims if record.claims else 0.0
        click.echo(f"\n{title}: {record.claims} {what}, {record.wrong} wrong ({share:.2%}) at the default rules")
        click.echo("   kept      score   wrong   share   upper bound")
        for wanted in _SHOWN:
            step = next((step for step in record.steps if step.share >= wanted), None)
            if step is not None:
                error = step.wrong / max(step.kept, 1)
                click.echo(
                    f"  {step.share:5.0%}  {step.threshold:9.3f}  {step.wrong:6d}  {error:6.2%}  {step.upper:8.2%}"
                )
        chosen = record.step_for(max_error)
        if chosen is None:
            click.echo(f"  no threshold bounds the error by {max_error:g}: calibrate on more pictures, or allow more")
        else:
            click.echo(
                f"  for {max_error:g}: score at least {chosen.threshold:.3f} keeps {chosen.share:.0%} of the {what}; "
                f"at most {chosen.upper:.2%} of them are wrong ({result.confidence:.0%} confidence)"
            )
