"""Relations: what they claim, why they abstain, and the symmetries that hold whatever the thresholds are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reinforcesight.errors import InputError
from reinforcesight.relations import Axis, Reason, Relation, RelationRules, relate, relate_all
from reinforcesight.scene import Camera, Contact, Scene, SceneObject

W, H = 640, 480
CAMERA = Camera(fx=500, fy=500, cx=W / 2, cy=H / 2)


def thing(
    id: int, name: str, box: tuple[float, float, float, float], z: float | None = None, **more: object
) -> SceneObject:
    """An object whose position follows from its box and depth."""
    if z is not None:
        u, v = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        more.setdefault("centre", ((u - CAMERA.cx) / CAMERA.fx * z, (v - CAMERA.cy) / CAMERA.fy * z, z))
        more.setdefault("depth_spread", 0.02 * z)
        more.setdefault("masked", True)
    return SceneObject.model_validate({"id": id, "name": name, "box": box, "depth": z, **more})


def scene(*objects: SceneObject, unit: str | None = "m") -> Scene:
    depth = any(o.depth is not None for o in objects)
    return Scene.model_validate(
        {
            "width": W,
            "height": H,
            "depth_unit": unit if depth else None,
            "camera": CAMERA if depth else None,
            "objects": objects,
        }
    )


LEFT_NEAR = thing(1, "chair", (60, 200, 160, 320), 2.0)
RIGHT_FAR = thing(2, "table", (400, 100, 480, 160), 4.0)
MIDDLE = thing(3, "lamp", (420, 200, 470, 300), 3.9)


class TestClaims:
    def test_all_axes(self) -> None:
        s = scene(LEFT_NEAR, RIGHT_FAR, MIDDLE)
        assert relate(s, 1, 2, "horizontal").relation is Relation.LEFT
        assert relate(s, 2, 1, "horizontal").relation is Relation.RIGHT
        assert relate(s, 1, 2, Axis.VERTICAL).relation is Relation.BELOW
        assert relate(s, 1, 2, "depth").relation is Relation.IN_FRONT
        assert relate(s, 2, 1, "behind").relation is Relation.BEHIND
        assert relate(s, 2, 1, "distance", anchor=3).relation is Relation.CLOSER
        assert relate(s, 1, 2, "closer", anchor=3).relation is Relation.FARTHER

    def test_objects_may_be_given_instead_of_ids(self) -> None:
        s = scene(LEFT_NEAR, RIGHT_FAR, MIDDLE)
        assert relate(s, LEFT_NEAR, RIGHT_FAR, "left") == relate(s, 1, 2, "horizontal")
        assert relate(s, RIGHT_FAR, LEFT_NEAR, "closer", anchor=MIDDLE) == relate(s, 2, 1, "distance", anchor=3)

    def test_margin_is_scale_free_and_meaningful(self) -> None:
        s = scene(LEFT_NEAR, RIGHT_FAR)
        assert relate(s, 1, 2, "depth").margin == pytest.approx(0.5)
        assert relate(s, 1, 2, "horizontal").margin == pytest.approx((440 - 110) / 90)

    def test_evidence_is_recorded(self) -> None:
        evidence = relate(scene(LEFT_NEAR, RIGHT_FAR), 1, 2, "depth").evidence
        assert evidence["subject"] == 2.0
        assert evidence["reference"] == 4.0

    def test_no_depth_gives_picture_relations_only(self) -> None:
        s = scene(thing(1, "chair", (10, 10, 60, 60)), thing(2, "bed", (300, 300, 400, 400)))
        found = relate_all(s)
        assert {r.axis for r in found} == {Axis.HORIZONTAL, Axis.VERTICAL}
        assert relate(s, 1, 2, "depth").reason is Reason.NO_DEPTH


class TestAbstaining:
    def check(self, s: Scene, axis: str, reason: Reason, **more: object) -> None:
        result = relate(s, 1, 2, axis, **more)
        assert result.relation is None
        assert result.reason is reason
        assert not result.holds

    def test_near_tie_in_picture(self) -> None:
        self.check(
            scene(thing(1, "a chair", (100, 10, 200, 60)), thing(2, "bed", (120, 300, 220, 400))),
            "horizontal",
            Reason.OVERLAP,
        )
        rules = RelationRules(picture_overlap=1.0)
        s = scene(thing(1, "chair", (100, 10, 200, 60)), thing(2, "bed", (120, 300, 220, 400)))
        assert relate(s, 1, 2, "horizontal", rules=rules).reason is Reason.NEAR_TIE

    def test_near_tie_in_depth(self) -> None:
        s = scene(thing(1, "chair", (0, 200, 100, 300), 2.0), thing(2, "bed", (300, 200, 400, 300), 2.1))
        self.check(s, "depth", Reason.NEAR_TIE)

    def test_part(self) -> None:
        inside = thing(1, "cushion", (420, 120, 450, 150))
        self.check(scene(inside, RIGHT_FAR.model_copy(update={"depth": None})), "vertical", Reason.PART_OF_OTHER)
        named = thing(1, "drawer", (10, 10, 60, 60), part_of=2)
        self.check(scene(named, thing(2, "desk", (300, 300, 500, 400))), "horizontal", Reason.PART_OF_OTHER)

    def test_a_pot_and_its_plant_are_not_compared(self) -> None:
        plant = thing(1, "plant", (300, 100, 400, 300), 2.0, depth_near=1.9, depth_far=2.2)
        pot = thing(2, "pot", (325, 220, 375, 310), 2.1, depth_near=2.0, depth_far=2.2)
        bed = thing(3, "bed", (10, 200, 120, 300), 6.0, depth_near=5.8, depth_far=6.2)
        s = scene(plant, pot, bed)
        for axis in ("horizontal", "vertical", "depth"):
            self.check(s, axis, Reason.PART_OF_OTHER)
        assert relate(s, 1, 3, "distance", anchor=2).reason is Reason.PART_OF_OTHER
        assert relate(s, 1, 3, "depth").relation is Relation.IN_FRONT
        # A cup in front of the plant is a thing of its own.
        cup = pot.model_copy(update={"depth": 1.2, "depth_near": 1.1, "depth_far": 1.3, "centre": (0.05, 0.06, 1.2)})
        assert relate(scene(plant, cup), 2, 1, "depth").relation is Relation.IN_FRONT

    def test_overlapping_boxes_without_outlines(self) -> None:
        desk = thing(1, "desk", (100, 200, 300, 400), 2.0, masked=False)
        screen = thing(2, "screen", (250, 150, 350, 260), 3.0, masked=False)
        self.check(scene(desk, screen), "depth", Reason.OVERLAP)
        outlined = scene(desk.model_copy(update={"masked": True}), screen.model_copy(update={"masked": True}))
        assert relate(outlined, 1, 2, "depth").relation is Relation.IN_FRONT

    def test_depth_must_hold_for_the_distance_from_the_camera_too(self) -> None:
        # At the side of a wide picture a smaller z may be as far from the camera.
        aside = thing(1, "chair", (0, 200, 60, 300), 2.0, centre=(-2.2, 0.0, 2.0))
        ahead = thing(2, "bed", (300, 200, 380, 300), 2.9, centre=(0.0, 0.0, 3.0))
        self.check(scene(aside, ahead), "depth", Reason.CENTRE_SURFACE_DISAGREE)

    def test_occluded(self) -> None:
        s = scene(thing(1, "chair", (10, 10, 60, 60), visible_fraction=0.1), thing(2, "bed", (300, 300, 400, 400)))
        self.check(s, "horizontal", Reason.OCCLUDED)

    def test_truncated_only_where_it_matters(self) -> None:
        cut_left = thing(1, "chair", (0, 200, 100, 300), truncated=True)
        s = scene(cut_left, thing(2, "bed", (300, 200, 400, 300)))
        # What is hidden beyond the left border is even further left.
        assert relate(s, 1, 2, "horizontal").relation is Relation.LEFT
        # Cut, says the source, but not by the border: nobody knows where the rest is.
        cut_inside = thing(2, "bed", (300, 200, 400, 300), truncated=True)
        assert relate(scene(cut_left, cut_inside), 1, 2, "horizontal").reason is Reason.TRUNCATED

    def test_truncated_needs_a_wider_depth_gap(self) -> None:
        far = thing(1, "chair", (100, 200, 200, 480), 2.5, truncated=True)
        other = thing(2, "bed", (300, 200, 400, 300), 2.0)
        self.check(scene(far, other), "depth", Reason.TRUNCATED)
        # The nearer object stays nearer, however it goes on beyond the border.
        near = far.model_copy(update={"depth": 2.0, "centre": (-0.5, 0.1, 2.0)})
        behind = thing(2, "bed", (300, 200, 400, 300), 2.6)
        assert relate(scene(near, behind), 1, 2, "depth").relation is Relation.IN_FRONT

    def test_tiny(self) -> None:
        s = scene(thing(1, "button", (10, 10, 14, 14)), thing(2, "bed", (300, 300, 400, 400)))
        self.check(s, "horizontal", Reason.TINY)

    def test_ambiguous_name_unless_marked(self) -> None:
        s = scene(
            thing(1, "chair", (10, 10, 60, 60)),
            thing(2, "bed", (300, 300, 400, 400)),
            thing(3, "red chair", (500, 10, 560, 60)),
        )
        self.check(s, "horizontal", Reason.AMBIGUOUS_NAME)
        assert relate(s, 1, 2, "horizontal", marked=True).relation is Relation.LEFT

    def test_too_little_depth(self) -> None:
        s = scene(thing(1, "chair", (10, 10, 60, 60), 2.0, valid_depth_fraction=0.05), RIGHT_FAR)
        self.check(s, "depth", Reason.TOO_LITTLE_VALID_DEPTH)

    def test_spread_too_wide(self) -> None:
        s = scene(thing(1, "rug", (10, 10, 60, 60), 2.0, depth_spread=1.0), RIGHT_FAR)
        self.check(s, "depth", Reason.DEPTH_SPREAD_TOO_WIDE)

    def test_centre_and_surface_disagree_in_depth(self) -> None:
        s = scene(
            thing(1, "chair", (10, 10, 60, 60), 2.0, depth_near=1.9),
            thing(2, "bed", (300, 300, 400, 400), 2.5, depth_near=1.5),
        )
        self.check(s, "depth", Reason.CENTRE_SURFACE_DISAGREE)

    def test_thick_object_may_reach_behind_the_other(self) -> None:
        s = scene(
            thing(1, "wardrobe", (10, 10, 300, 400), 2.0, thickness=0.8),
            thing(2, "ball", (400, 300, 450, 350), 2.5),
        )
        self.check(s, "depth", Reason.CENTRE_SURFACE_DISAGREE)

    def test_centre_and_surface_disagree_in_distance(self) -> None:
        s = scene(LEFT_NEAR, RIGHT_FAR, MIDDLE).model_copy(
            update={"surface_distances": ((0.0, 2.0, 0.1), (2.0, 0.0, 0.4), (0.1, 0.4, 0.0))}
        )
        assert relate(s, 1, 2, "distance", anchor=3).reason is Reason.CENTRE_SURFACE_DISAGREE

    def test_same_object(self) -> None:
        s = scene(LEFT_NEAR, RIGHT_FAR)
        assert relate(s, 1, 1, "horizontal").reason is Reason.SAME_OBJECT
        assert relate(s, 1, 2, "distance", anchor=2).reason is Reason.SAME_OBJECT

    def test_no_position(self) -> None:
        s = scene(LEFT_NEAR, RIGHT_FAR, thing(3, "lamp", (420, 200, 470, 300)))
        assert relate(s, 1, 2, "distance", anchor=3).reason is Reason.NO_POSITION

    @pytest.mark.parametrize(("axis", "more"), [("sideways", {}), ("distance", {}), ("depth", {"anchor": 3})])
    def test_misuse_is_named(self, axis: str, more: dict[str, int]) -> None:
        with pytest.raises(InputError):
            relate(scene(LEFT_NEAR, RIGHT_FAR, MIDDLE), 1, 2, axis, **more)

    def test_unknown_id(self) -> None:
        with pytest.raises(InputError, match="known ids: 1, 2"):
            relate(scene(LEFT_NEAR, RIGHT_FAR), 1, 9, "depth")


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Scenes of three to five objects with depth, any overlap, some cut by the border."""
    count = draw(st.integers(3, 5))
    objects = []
    for index in range(count):
        w, h = draw(st.integers(8, 300)), draw(st.integers(8, 250))
        x0, y0 = draw(st.integers(0, W - w)), draw(st.integers(0, H - h))
        z = draw(st.floats(0.5, 12.0))
        objects.append(
            thing(
                index,
                draw(st.sampled_from(["chair", "table", "lamp", "red ball", "blue ball"])),
                (x0, y0, x0 + w, y0 + h),
                z,
                depth_spread=draw(st.floats(0.0, 0.3)) * z,
                depth_near=z * draw(st.floats(0.7, 1.0)),
                thickness=draw(st.floats(0.0, 1.0)),
                truncated=x0 == 0 or y0 == 0 or x0 + w == W or y0 + h == H,
                masked=draw(st.booleans()),
                visible_fraction=draw(st.none() | st.floats(0.0, 1.0)),
            )
        )
    return scene(*objects)


def key(r: object) -> tuple[object, ...]:
    return (r.axis, r.subject, r.reference, r.anchor)


@settings(max_examples=150, deadline=None)
@given(scenes())
def test_exchanging_the_objects_inverts(s: Scene) -> None:
    for r in relate_all(s, marked=True):
        back = relate(s, r.reference, r.subject, r.axis, anchor=r.anchor, marked=True)
        assert back.reason == r.reason
        assert back.margin == pytest.approx(r.margin)
        assert back.relation == (r.relation.inverse if r.relation else None)


@settings(max_examples=100, deadline=None)
@given(scenes())
def test_single_and_vectorised_agree(s: Scene) -> None:
    for r in relate_all(s):
        assert relate(s, r.subject, r.reference, r.axis, anchor=r.anchor) == r


def mirrored(s: Scene) -> Scene:
    objects = []
    for o in s.objects:
        x0, y0, x1, y1 = o.box
        x, y, z = o.centre
        objects.append(o.model_copy(update={"box": (W - x1, y0, W - x0, y1), "centre": (-x, y, z)}))
    return s.model_copy(update={"objects": tuple(objects)})


@settings(max_examples=150, deadline=None)
@given(scenes())
def test_mirroring_swaps_left_and_right_only(s: Scene) -> None:
    for before, after in zip(relate_all(s), relate_all(mirrored(s)), strict=True):
        assert key(before) == key(after)
        if before.axis is Axis.HORIZONTAL and before.relation:
            assert after.relation is before.relation.inverse
        else:
            assert after.relation is before.relation
            assert after.reason is before.reason


@settings(max_examples=100, deadline=None)
@given(scenes(), st.sampled_from([0.25, 2.0, 1024.0]), st.sampled_from([0.5, 2, 4]))
def test_scaling_changes_nothing(s: Scene, by_depth: float, by_picture: float) -> None:
    # Powers of two keep floating-point comparisons exact, so that no threshold is crossed by rounding.
    def scaled(o: SceneObject) -> SceneObject:
        return o.model_copy(
            update={
                "box": tuple(v * by_picture for v in o.box),
                "depth": o.depth * by_depth,
                "depth_near": o.depth_near * by_depth,
                "depth_spread": o.depth_spread * by_depth,
                "thickness": o.thickness * by_depth,
                "centre": tuple(v * by_depth for v in o.centre),
            }
        )

    big = s.model_copy(
        update={
            "width": int(W * by_picture),
            "height": int(H * by_picture),
            "objects": tuple(scaled(o) for o in s.objects),
        }
    )
    for before, after in zip(relate_all(s), relate_all(big), strict=True):
        assert after.relation is before.relation
        assert after.reason is before.reason
        assert math.isclose(after.margin, before.margin, rel_tol=1e-9, abs_tol=1e-12)


@settings(max_examples=150, deadline=None)
@given(scenes())
def test_claims_agree_with_the_plain_numbers(s: Scene) -> None:
    """Whatever is claimed is true of box centres, depths and positions, computed here anew."""
    for r in relate_all(s, marked=True):
        if r.relation is None:
            continue
        a, b = s[r.subject], s[r.reference]
        if r.axis in (Axis.HORIZONTAL, Axis.VERTICAL):
            d = 0 if r.axis is Axis.HORIZONTAL else 1
            smaller = a.box[d] + a.box[d + 2] < b.box[d] + b.box[d + 2]
        elif r.axis is Axis.DEPTH:
            smaller = a.depth < b.depth and a.depth_near < b.depth_near
        else:
            c = s[r.anchor]
            smaller = math.dist(a.centre, c.centre) < math.dist(b.centre, c.centre)
        assert smaller == (r.relation in ("left", "above", "in front", "closer"))


@pytest.mark.parametrize("kind", ["covers", "rests on"])
def test_what_covers_part_of_the_nearer_object_is_not_behind_it(kind: str) -> None:
    s = scene(LEFT_NEAR, RIGHT_FAR)
    contact = Contact.model_validate({"kind": kind, "subject": 2, "reference": 1, "pixels": 20})
    touching = s.model_copy(update={"contacts": (contact,)})
    for pair in ((1, 2), (2, 1)):
        assert relate(touching, *pair, "depth").reason is Reason.CENTRE_SURFACE_DISAGREE
    # The nearer one may well cover the farther one.
    usual = s.model_copy(update={"contacts": (contact.model_copy(update={"subject": 1, "reference": 2}),)})
    assert relate(usual, 1, 2, "depth").relation is Relation.IN_FRONT
