"""Claims of scenes, to compare what perception gives with what the renderer knows."""

from __future__ import annotations

from reinforcesight.relations import Axis, relate_all
from reinforcesight.scene import Scene


def claims(scene: Scene, axes: tuple[Axis, ...] = tuple(Axis)) -> dict[object, tuple[str, float]]:
    """Relation and margin by axis and the boxes of the objects involved."""
    box = {item.id: item.box for item in scene.objects} | {None: None}
    found = {}
    for result in relate_all(scene):
        if result.holds and result.axis in axes:
            key = (result.axis, box[result.subject], box[result.reference], box[result.anchor])
            found[key] = (result.relation, round(result.margin, 4))
    return found


def as_perception_knows(scene: Scene, perceived: Scene) -> Scene:
    """The rendered scene with the visible shares that perception estimates, without objects that gates left out."""
    shares = {item.box: item.visible_fraction for item in perceived.objects}
    keep = [i for i, item in enumerate(scene.objects) if item.box in shares]
    table, ids = scene.surface_distances, {scene.objects[i].id for i in keep}
    return scene.model_copy(
        update={
            "objects": tuple(
                scene.objects[i].model_copy(update={"visible_fraction": shares[scene.objects[i].box]}) for i in keep
            ),
            "contacts": tuple(c for c in scene.contacts if {c.subject, c.reference} <= ids),
            "surface_distances": tuple(tuple(table[i][j] for j in keep) for i in keep),
        }
    )
