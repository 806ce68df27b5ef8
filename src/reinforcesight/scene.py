"""Scene record: objects of a picture with boxes, depths and positions. Data sources write it, later stages read it.

Coordinates (axes as in OpenCV): picture in pixels, origin at the top-left corner, x right, y down, boxes ``[x0, y0, x1,
y1]`` half-open; the centre of pixel (column, row) lies at (column + 0.5, row + 0.5). Camera frame: x right, y down, z
forward; depth is z, not ray length, in metres or in scene units (``depth_unit``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from reinforcesight.errors import InputError

ObjectId = int | str
Vector = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Camera(_Record):
    """Pinhole intrinsics in pixels, and their source."""

    fx: Positive
    fy: Positive
    cx: float
    cy: float
    source: Literal["given", "exif", "model", "default"] = "given"

    @classmethod
    def centred(cls, focal: float, width: int, height: int, source: Literal["exif", "model", "default"]) -> Camera:
        """Return a camera with square pixels and the principal point at the centre of a picture."""
        return cls(fx=focal, fy=focal, cx=width / 2.0, cy=height / 2.0, source=source)


class Floor(_Record):
    """Result of the search for a floor plane. It never changes an answer in the camera frame.

    Attributes:
        found: Whether a plane passed every plausibility test.
        normal: Unit normal, pointing up (away from gravity), camera frame.
        offset: Signed distance of the camera from the plane along the normal, in depth units.
        support: Fraction of the valid points that lie on the plane.
        reason: Reason why no floor was accepted.
    """

    found: bool
    normal: Vector | None = None
    offset: float | None = None
    support: Fraction = 0.0
    reason: str | None = None


class Contact(_Record):
    """Contact of two masks in the picture: the subject occludes part of the reference, or stands or lies on it.

    Attributes:
        pixels: Length of the contour along which the masks meet this way.
    """

    kind: Literal["covers", "rests on"]
    subject: ObjectId
    reference: ObjectId
    pixels: Annotated[int, Field(gt=0)]


class SceneObject(_Record):
    """Object in a picture.

    Attributes:
        id: Id, unique within the scene.
        name: Noun phrase without an article, such as "red chair".
        box: Box of the visible part in the picture, pixels, xyxy half-open.
        category: Bare noun, such as "chair"; if unknown, the last words of the name.
        attributes: Words that the source gives for the object, such as its colour.
        depth: Median z of the eroded mask, depth units.
        depth_spread: Half the width of the central 68 % of these depths (a robust standard deviation).
        depth_near: Fifth percentile of these depths (a robust nearest visible surface).
        depth_views: Median depth in other views of the picture (mirrored, downscaled, cropped), if these were
            estimated.
        depth_far: Ninety-fifth percentile of these depths (a robust farthest visible surface).
        centre: Estimated centre in the camera frame: median surface point, moved back into the object.
        thickness: Allowance for the unseen part behind the visible surface: half the smaller of width and height.
        valid_depth_fraction: Fraction of the mask's pixels with valid depth.
        visible_fraction: Visible fraction of the whole object, as given or estimated from the masks in front.
        truncated: Whether the picture's border cuts the object.
        masked: Whether a mask is known; without one, depth is read from the box.
        merged: Whether the mask holds two layers of depth with nothing in between, so that it may cover two objects.
        depth_shared_with: Id of an object whose box covers much of this box at the same depth, if there is no mask to
            decide whose surface was read.
        part_of: Id of the object that this one is a part of.
        floor_clearance: Height of the lowest visible points above the floor, divided by the camera's height above it,
            if the mask is known and a floor was found.
        carrier_base: Row of the picture, pixels, where what the object stands or hangs on meets the floor; the
            picture's height if that is below the picture.
    """

    id: ObjectId
    name: Annotated[str, Field(min_length=1)]
    box: tuple[float, float, float, float]
    category: str | None = None
    attributes: tuple[str, ...] = ()
    depth: Positive | None = None
    depth_spread: NonNegative | None = None
    depth_near: Positive | None = None
    depth_far: Positive | None = None
    depth_views: tuple[Positive, ...] = ()
    centre: Vector | None = None
    thickness: NonNegative | None = None
    valid_depth_fraction: Fraction | None = None
    visible_fraction: Fraction | None = None
    truncated: bool = False
    masked: bool = False
    merged: bool = False
    depth_shared_with: int | str | None = None
    part_of: int | str | None = None
    floor_clearance: float | None = None
    carrier_base: float | None = None

    @field_validator("name")
    @classmethod
    def _tidy_name(cls, name: str) -> str:
        tidy = " ".join(name.split())
        if not tidy:
            raise ValueError("expected a name, got only white space")
        return tidy

    @field_validator("centre")
    @classmethod
    def _finite_centre(cls, centre: Vector | None) -> Vector | None:
        if centre is not None and not all(math.isfinite(v) for v in centre):
            raise ValueError(f"expected three finite numbers, got {centre}")
        return centre

    @model_validator(mode="after")
    def _check_box(self) -> SceneObject:
        x0, y0, x1, y1 = self.box
        if not all(math.isfinite(v) for v in self.box) or x1 <= x0 or y1 <= y0:
            raise ValueError(f"object {self.id!r}: expected a box x0 < x1, y0 < y1, got {list(self.box)}")
        return self

    @property
    def noun(self) -> str:
        return self.category or self.name


class Scene(_Record):
    """Objects of a picture, with their known depths and positions.

    Attributes:
        depth_unit: "m", "scene" (known up to a factor), or ``None`` without depth.
        camera: Intrinsics, or ``None`` without depth.
        objects: All annotated or detected objects, in the source's order.
        surface_distances: Entry [i][j] is the smallest distance between the visible surfaces of objects i and j.
        floor: Result of the search for a floor plane, if there is depth.
        contacts: Pairs in which one object occludes, stands on or lies on the other, if masks and depth show it.
        outline_gaps: Entry [i][j] is the number of free pixels between the outlines of objects i and j.

    Raises:
        pydantic.ValidationError: A value is out of range, a box leaves the picture, or an id occurs twice.
    """

    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    depth_unit: Literal["m", "scene"] | None = None
    camera: Camera | None = None
    objects: tuple[SceneObject, ...] = ()
    surface_distances: tuple[tuple[NonNegative | None, ...], ...] | None = None
    floor: Floor | None = None
    contacts: tuple[Contact, ...] = ()
    outline_gaps: tuple[tuple[NonNegative | None, ...], ...] | None = None

    @model_validator(mode="after")
    def _check(self) -> Scene:
        seen: set[int | str] = set()
        for item in self.objects:
            if item.id in seen:
                raise ValueError(f"object id {item.id!r} occurs twice")
            seen.add(item.id)
            x0, y0, x1, y1 = item.box
            if x0 < 0 or y0 < 0 or x1 > self.width or y1 > self.height:
                raise ValueError(
                    f"object {item.id!r}: box {list(item.box)} leaves the picture of {self.width}x{self.height}"
                )
        count = len(self.objects)
        for name in ("surface_distances", "outline_gaps"):
            table = getattr(self, name)
            if table is not None and (len(table) != count or any(len(row) != count for row in table)):
                raise ValueError(f"{name}: expected {count} rows of {count}, as many as objects")
        for contact in self.contacts:
            if not {contact.subject, contact.reference} <= seen:
                raise ValueError(f"contacts: no object {contact.subject!r} or {contact.reference!r}")
        return self

    def index_of(self, object_id: ObjectId) -> int:
        """Return the index of an object in ``objects``.

        Raises:
            InputError: No object has this id.
        """
        for index, item in enumerate(self.objects):
            if item.id == object_id:
                return index
        known = ", ".join(repr(item.id) for item in self.objects)
        raise InputError(f"no object with id {object_id!r} in the scene", fix=f"known ids: {known or 'none'}")

    def __getitem__(self, object_id: ObjectId) -> SceneObject:
        return self.objects[self.index_of(object_id)]

    def to_json(self) -> str:
        """Return compact JSON with the same bytes on every machine; empty optional fields are left out."""
        unused = {name for name in ("contacts", "outline_gaps") if not getattr(self, name)}
        of_objects = {
            name for name in ("depth_views", "merged") if not any(getattr(item, name) for item in self.objects)
        }
        for name in ("floor_clearance", "carrier_base"):
            if all(getattr(item, name) is None for item in self.objects):
                of_objects.add(name)
        return self.model_dump_json(exclude=dict.fromkeys(unused, True) | {"objects": {"__all__": of_objects}})

    @classmethod
    def from_json(cls, text: str | bytes | Mapping[str, Any]) -> Scene:
        """Read a scene from JSON.

        Raises:
            InputError: The text is not a valid scene.
        """
        try:
            return cls.model_validate(text) if isinstance(text, Mapping) else cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "scene"
            raise InputError(f"not a valid scene: {first['msg']}", where=where, fix="see docs/data.md") from None
