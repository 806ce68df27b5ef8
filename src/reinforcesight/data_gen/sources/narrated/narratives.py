"""Localized narratives: when each phrase was spoken, and where the pointer was at that time.

Schema of Localized Narratives (Pont-Tuset et al., 2020): ``caption``, ``timed_caption`` (utterances with times in
seconds) and ``traces`` (segments of points; x and y as fractions of the picture, also outside 0 to 1). A sequence of
records may be a list of dicts or a dict of lists.
"""

from __future__ import annotations

import difflib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reinforcesight.data_gen.perception.filtering import Query, Trace
from reinforcesight.data_gen.source import Skipped
from reinforcesight.data_gen.sources.json_values import as_number, short
from reinforcesight.language.noun_phrases import HowMany, NounPhrase, noun_phrases, split_words
from reinforcesight.language.vocabulary import canonical_words

# Pointer and voice are only loosely aligned, so the time window is widened.
_WINDOW_PADDING = 0.4  # seconds on both sides
_MIN_POINTS = 4
_MAX_POINTS = 64  # per mention, evenly spread
_WINDOW_WORDS = 256  # more than almost all narratives have


@dataclass(frozen=True, slots=True)
class Utterance:
    """Part of the speech, with its start and end in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class TracePoint:
    """Point of the pointer's trace: fractions of the picture (not clipped), and seconds."""

    x: float
    y: float
    t: float


@dataclass(frozen=True, slots=True)
class Narrative:
    """Description of one picture by one annotator."""

    caption: str
    utterances: tuple[Utterance, ...]
    points: tuple[TracePoint, ...]


def read_narrative(record: Mapping[str, object]) -> Narrative:
    """Read a narrative from a record. Utterances without words or times, and broken points, are left out.

    Raises:
        ValueError: There is no caption, or a field does not match the schema.
    """
    caption = record.get("caption")
    if not isinstance(caption, str) or not caption.strip():
        raise ValueError(f"caption: expected a text, got {str(caption)[:60]!r}")
    utterances = []
    for entry in _records(record.get("timed_caption"), "timed_caption"):
        text = entry.get("utterance")
        start, end = as_number(entry.get("start_time")), as_number(entry.get("end_time"))
        if isinstance(text, str) and text.strip() and start is not None and end is not None and start <= end:
            utterances.append(Utterance(text, start, end))
    points = []
    for entry in _trace_points(record.get("traces")):
        x, y, t = (as_number(entry.get(key)) for key in ("x", "y", "t"))
        if x is not None and y is not None and t is not None:
            points.append(TracePoint(x, y, t))
    return Narrative(caption, tuple(utterances), tuple(sorted(points, key=lambda point: point.t)))


def _records(value: object, field: str) -> Sequence[Mapping[str, object]]:
    """Return the records of a list of dicts or of a dict of lists."""
    if value is None:
        return ()
    if isinstance(value, Mapping):
        columns = list(value.values())
        if not all(_is_list(column) for column in columns) or len({len(column) for column in columns}) > 1:
            raise ValueError(f"{field}: expected lists of one length under its keys")
        value = [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    if not isinstance(value, Sequence) or not _is_list(value) or not all(isinstance(v, Mapping) for v in value):
        raise ValueError(f"{field}: expected a list of records, got {short(value)}")
    return value


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _trace_points(value: object) -> Iterator[Mapping[str, object]]:
    """Yield the points of all segments; a segment, and the sequence of segments, may be a list or a dict of lists."""
    # {"x": [[...], [...]], ...}: each key holds one list per segment.
    segments = _records(value, "traces") if isinstance(value, Mapping) or value is None else value
    if not isinstance(segments, Sequence) or not _is_list(segments):
        raise ValueError(f"traces: expected a list, got {short(value)}")
    for segment in segments:
        if isinstance(segment, Mapping) and not any(_is_list(column) for column in segment.values()):
            yield segment  # a point outside a segment
        else:
            yield from _records(segment, "traces")


def phrase_times(narrative: Narrative, phrases: Iterable[NounPhrase]) -> list[tuple[float, float] | None]:
    """Return start and end, in seconds, of the utterances that contain each phrase; ``None`` if not found.

    Caption and utterances are aligned as sequences of words, since they are equal except for corrections.
    """
    spoken: list[str] = []
    times: list[tuple[float, float]] = []
    for utterance in narrative.utterances:
        for word in split_words(utterance.text.lower()):
            if word[0].isalnum():
                spoken.append(word)
                times.append((utterance.start, utterance.end))
    written = [(place, word) for place, word in enumerate(split_words(narrative.caption.lower())) if word[0].isalnum()]
    matches = _aligned([word for _, word in written], spoken)
    time_of = {written[first][0]: times[second] for first, second in matches}
    found: list[tuple[float, float] | None] = []
    for phrase in phrases:
        # The head noun must be among the aligned words: an adjective alone may belong to another phrase.
        own = [time_of[place] for place in range(phrase.start, phrase.stop) if place in time_of]
        if phrase.stop - 1 in time_of and own:
            found.append((min(start for start, _ in own), max(end for _, end in own)))
        else:
            found.append(None)
    return found


def _aligned(first: Sequence[str], second: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Return the positions of equal words in two texts that differ only in corrections.

    The texts are compared in windows, since difflib's time grows with the square of the length.
    """
    i = j = 0
    while i < len(first) and j < len(second):
        window = (first[i : i + _WINDOW_WORDS], second[j : j + _WINDOW_WORDS])
        last = i + _WINDOW_WORDS >= len(first) and j + _WINDOW_WORDS >= len(second)
        blocks = difflib.SequenceMatcher(None, *window, autojunk=False).get_matching_blocks()
        # What matches at the end of a window may have a better partner beyond it.
        pairs = [(block.a + k, block.b + k) for block in blocks for k in range(block.size)]
        kept = pairs if last else [pair for pair in pairs if max(pair) < _WINDOW_WORDS // 2]
        yield from ((i + a, j + b) for a, b in kept)
        if last:
            return
        a, b = kept[-1] if kept else (_WINDOW_WORDS // 2, _WINDOW_WORDS // 2)
        i, j = i + a + 1, j + b + 1


def trace_evidence(points: Sequence[TracePoint], start: float, end: float) -> Trace | None:
    """Return the pointer's positions between two times (seconds); ``None`` if there are too few points.

    Points are in the order of time, as :func:`read_narrative` gives them. Those outside the picture are moved to its
    border.
    """
    low_t, high_t = start - _WINDOW_PADDING, end + _WINDOW_PADDING
    first = bisect_left(points, low_t, key=lambda p: p.t)
    stop = bisect_right(points, high_t, lo=first, key=lambda p: p.t)
    if stop - first < _MIN_POINTS:
        return None
    chosen = [points[int(i)] for i in np.linspace(first, stop - 1, min(_MAX_POINTS, stop - first))]
    places = np.clip(np.array([(p.x, p.y) for p in chosen], dtype=np.float64), 0.0, 1.0)  # (N, 2)
    return tuple((float(x), float(y)) for x, y in places)


@dataclass(frozen=True, slots=True)
class NarratedQueries:
    """Objects to search for in a narrated picture."""

    queries: tuple[Query, ...]  # one per name, with the traces of all mentions
    unseen: tuple[str, ...]  # names of groups and other objects in the picture that are not searched for
    skipped: tuple[Skipped, ...]  # phrases that were left out


def narrated_queries(narratives: Sequence[Narrative]) -> NarratedQueries:
    """Return the objects to search for, from all narratives of one picture.

    A repeated phrase counts as another mention of the same object (the detector decides whether there are two).
    "another cup" and "cups" show that there are several.
    """
    queries: dict[tuple[str, ...], tuple[NounPhrase, list[Trace]]] = {}
    unseen: dict[tuple[str, ...], str] = {}
    skipped: list[Skipped] = []
    for narrative in narratives:
        phrases = noun_phrases(narrative.caption)
        for phrase, times in zip(phrases, phrase_times(narrative, phrases), strict=True):
            words = canonical_words(phrase.text)
            if not words:
                continue
            if phrase.how_many is HowMany.MANY:
                skipped.append(Skipped("phrase_of_many", f"{phrase.text!r} names more than one thing"))
                unseen[words] = phrase.text
                continue
            if phrase.how_many is HowMany.UNCLEAR:
                skipped.append(Skipped("phrase_without_article", f"{phrase.text!r}: one thing or a substance"))
                continue
            evidence = trace_evidence(narrative.points, *times) if times is not None else None
            if evidence is None:
                what = "no time in timed_caption" if times is None else "too few trace points"
                skipped.append(
                    Skipped("phrase_without_trace", f"{phrase.text!r}: {what}; it is searched for all the same")
                )
            _, traces = queries.setdefault(words, (phrase, []))
            if evidence is not None:
                traces.append(evidence)
    found = tuple(Query(phrase.text, phrase.head, tuple(traces)) for phrase, traces in queries.values())
    return NarratedQueries(found, tuple(unseen.values()), tuple(skipped))
