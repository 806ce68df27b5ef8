"""Questions in CV-Bench's wording."""

from __future__ import annotations


def nearer(first: str, second: str) -> str:
    return (
        f"Which object is closer to the camera taking this photo, the {first} (highlighted by a red box) or the "
        f"{second} (highlighted by a blue box)?"
    )


def nearer_to(anchor: str, first: str, second: str) -> str:
    return (
        f"Estimate the real-world distances between objects in this image. Which object is closer to the {anchor} "
        f"(highlighted by a red box), the {first} (highlighted by a blue box) or the {second} "
        "(highlighted by a green box)?"
    )


def where(first: str, second: str) -> str:
    return (
        f"Considering the relative positions of the {first} and the {second} in the image provided, where is "
        f"the {first} located with respect to the {second}?"
    )
