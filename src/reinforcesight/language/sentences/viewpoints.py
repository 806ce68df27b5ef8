"""What a sentence says of the camera: whether it is its perspective, and what it sees of an object."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reinforcesight.language.sentences import patterns
from reinforcesight.language.sentences.tags import TaggedSentence
from reinforcesight.language.vocabulary import word_set

# "from the camera's perspective" at the start of a sentence, or after "the mug comes before the lamp"
_FROM_CAMERA = re.compile(r"(?:[x&B],?)?(?:(?P<v>v)(?:[bs]?V)?|(?P<q>q)(?:(?P<our>x)?V|c(?:[bs]V)?)),?\Z")
_THEN_FROM_CAMERA = re.compile(r",?(?:(?P<v>v)(?:[bs]?V)?|(?P<q>q)(?:(?P<our>x)?V|c(?:[bs]V)?))(?![a-zA-Z])")
_CLAUSE = re.compile(r"[^,&SBa]*")
_SEES = re.compile(r"r[bn]{0,2}y")  # "we cannot see"; but "the boy can't see"
_ONLY = ("only", "just")
_IN_PART = word_set("half part parts partly partially little")
_IS_SEEN = word_set("seen visible view shows")
_SEEN = word_set("from seen viewed looking going measured starting")
_OURS = ("our", "my", "your", "this")


def is_seen_from_camera(
    sentence: TaggedSentence, words: Sequence[str], subject: re.Match[str] | None, at: int
) -> bool:
    """Return whether "the mug comes before the lamp", with "before" at tag ``at``, is about depth."""
    after = patterns.PLACE.match(sentence.tags, at)
    if subject is None or after is None:
        return False
    for seen in (
        _FROM_CAMERA.match(sentence.tags, 0, subject.start()),
        _THEN_FROM_CAMERA.match(sentence.tags, after.end()),
    ):
        if seen:
            said = {words[sentence.at[seen.start(name)]] for name in "vq" if seen[name]}
            ours = seen["our"] is None or words[sentence.at[seen.start("our")]] in _OURS
            return ours and said <= _SEEN
    return False


def is_partly_hidden(sentence: TaggedSentence, words: Sequence[str], place: int) -> bool:
    """Return whether "only half of the lamp can be seen" or "we can't see the lamp" is said of the mention at a tag."""
    tags = sentence.tags
    said = words[sentence.at[0] : sentence.at[-1] + 3]
    if _IS_SEEN.isdisjoint(said) and not _SEES.search(tags):
        return False
    clause = _CLAUSE.match(tags, 1 + max(tags.rfind(sign, 0, place) for sign in ",&SBa"))
    if not _IN_PART.isdisjoint(said) or (clause is not None and "n" in clause[0]):
        return True
    only = next((said.index(word) + 1 for word in _ONLY if word in said), None)
    if only is None:
        return False
    part = said[only : only + 2]  # "only the mug can be seen" says nothing of its parts
    return not any(word.startswith("_q") for word in part[: 2 if part[:1] == ["the"] else 1])
