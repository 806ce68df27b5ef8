"""What a question asks for, and which objects it is about."""

from __future__ import annotations

import re

from reinforcesight.judge.markup import plain

_LONGEST = 4_000

# What the question asks for. Corners and edges in it only locate an object.
_AXES = {
    axis: re.compile(
        rf"\b(?:{words})\b(?![ -](?:(?:left|right|hand) )?(?:corner|edge|side of the (?:im|pic|ph)|half|part))",
        re.IGNORECASE,
    )
    for axis, words in {
        "far": "farther|further|farthest|furthest|most distant|more distant|behind",
        "near": "closer|closest|nearer|nearest|in front",
        "left": "left(?:most)?",
        "right": "right(?:most)?",
        "above": "above|higher|highest|on top",
        "below": "below|lower|lowest|under|beneath",
    }.items()
}
_ASKS = re.compile(r"\b(?:which|what|who)\b", re.IGNORECASE)

_NAME = (
    r"(?:the |a |an )?(?P<{}>(?!(?:it|you|above|below|left|right|to|in|on|behind)\b)[^?.,]{{1,80}}?)"
    r"(?: \([^()]{{1,60}}\))?"
)
_SUBJECT, _REFERENCE = _NAME.format("s"), _NAME.format("r")
_PLACE = r"(?:(?:to|on|at|in) )?(?:the )?(?:left|right|front|above|over|below|under|beneath|behind)(?: side)?(?: of)?"
_MORE = (
    r"(?:higher|lower|closer|nearer|farther|further)(?: (?:up|down|back|away|left|right|to the left|to the right))?"
    r"(?: (?:to|from) the camera)?(?: in the \w+)?"
)
_OR = rf"(?P<other>,? or (?:{_PLACE}|{_MORE}))?"
_ASKED = r"\b(?:is|are|does|do|that)"
_VERB = r"(?:(?:is|are|located|positioned|placed|situated|appears?|lies?|sits?|stands?) )?"
_ENDS = rf"(?: in (?:the|this) (?:picture|image|photo|scene))?(?: or (?:{_PLACE}))?(?:,[^?]{{1,60}})?[?.]"
_ABOUT_TWO = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # "where is the mug located with respect to the lamp?", "where is the mug when compared with the lamp?"
        rf"\bwhere (?:is|are|does|do) {_SUBJECT} {_VERB}(?:in the picture )?"
        rf"(?:with respect to|relative to|in relation to|(?:when )?compared (?:to|with)) {_REFERENCE}{_ENDS}",
        # "compared with the lamp, is the mug farther left or farther right?"
        rf"\b(?:compared (?:to|with)|relative to) {_REFERENCE}, (?:is|are|does|do) {_SUBJECT} {_VERB}"
        rf"(?P<side>{_PLACE}|{_MORE}){_OR}{_ENDS}",
        # "is the mug left or right of the lamp?", "is it true that the mug is higher than the lamp?"
        rf"{_ASKED} {_SUBJECT} {_VERB}(?P<side>{_PLACE}|{_MORE}(?= than\b)){_OR}(?: than)? {_REFERENCE}{_ENDS}",
    )
)


_MEASURED_FROM = re.compile(
    r"\b(?:closer|closest|nearer|nearest|farther|farthest|further|furthest)\s(?:away )?(?:to|from) (?:the )?"
    r"([^,?(]{2,40}?)(?: \(|,|\?|$)",
    re.IGNORECASE,
)
_CAMERA = re.compile(r"\b(?:camera|viewer|observer|photographer)\b", re.IGNORECASE)


def asked_anchor(question: str | None) -> str:
    """Return the object that distances are measured from, in lower case; "" if that is the camera or unknown."""
    found = _MEASURED_FROM.search(question or "")
    return found[1].lower() if found and not _CAMERA.search(found[1]) else ""


def asked_axis(question: str) -> str:
    """Return the first axis after the last "which" or "what", as in "the box behind the chair, which is closer"."""
    starts = [match.start() for match in _ASKS.finditer(question)]
    found = [
        (match.start(), axis)
        for axis, words in _AXES.items()
        if (match := words.search(question, starts[-1] if starts else 0))
    ]
    return min(found)[1] if found else ""


def _about_two(question: str | None) -> re.Match[str] | None:
    text = plain(question[:_LONGEST]) if question else ""
    found = next((match for pattern in _ABOUT_TWO if (match := pattern.search(text))), None)
    return found if found and found["s"].lower() != found["r"].lower() else None


def relation_objects(question: str | None) -> tuple[str, ...]:
    """Return X and Y of "where is X with respect to Y", in lower case; empty for other questions."""
    found = _about_two(question)
    return (found["s"].lower(), found["r"].lower()) if found else ()


def asked_statement(question: str | None) -> str:
    """Return what a yes-no question asks as a statement: "compared to the Y, the X is left" for "is X left of Y?"."""
    found = _about_two(question)
    if found is None or found.groupdict().get("side") is None or found["other"]:
        return ""
    return f"compared to the {found['r']}, the {found['s']} is {found['side']}".lower()
