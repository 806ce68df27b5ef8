"""The rules, in their order: which letter an output gives, or why none can be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reinforcesight.judge import lexicon
from reinforcesight.judge.comparison import read_sentence
from reinforcesight.judge.markup import Region, answer_region, is_blank, without_box_phrases
from reinforcesight.judge.options import LETTERS, Options, compile_options, squeeze, without_recital
from reinforcesight.judge.records import AnswerStatus, ParsedAnswer
from reinforcesight.judge.wording import Reading, sentences

# What a declaration can give beside a zero-based index.
_OUT, _SEVERAL, _CLASH, _MISSING = -1, -2, -3, -4

_BARE_LETTER = re.compile(r"[\s(\[\"'*]{0,8}([A-Za-z])[\s)\]\"'*.:]{0,8}\Z")

_NOT_APPLICABLE = re.compile(r"\W{0,8}n\s?/\s?a\W{0,8}", re.IGNORECASE)
_WORD_INSIDE = re.compile(r"[a-z]{4}")

_FILL = (
    r"[\s:=\"'\[-]*(?:(?:that|likely|probably|definitely|clearly|simply|most|option|choice|letter|is|as follows|be|"
    r"indeed|the|correct|one|object|answer|point|really|actually)\b[\s:=\"'\[-]*){0,6}"
)
_CUE = re.compile(
    r"\b(?:"
    r"(?:answer|ans|solution|response|conclusion|verdict|réponse|reponse|respuesta|antwort|risposta|resposta|ответ|odpowiedź)"
    r"(?: [^\W\d_]{1,12}){0,6}?\s{0,3}(?::|=|\n|\b(?:is|be|est|ist|es|é|è)\b)"
    r"|(?:output|prediction|result|choose|final|correct|guess)\s{0,2}(?::|\bis\b)"
    r"|corresponds? to\b|(?:think|believe|guess|say)(?: that)? (?:it is|it's|it would be)\b|it would be\b"
    r"|(?:correct |right |best |selected |chosen |final )?(?:option|choice|letter|selection|vote|pick)"
    r"(?: (?:would|should|must|to))?\s{0,3}(?::|=|\b(?:is|be)\b)"
    r"|(?:choose|chose|choosing|select|selecting|selected|pick|picking|go with|going with|opt for|opting for|say)\b"
    r"|(?:therefore|thus|hence|so|in conclusion)\b[ ,:]{0,3}(?=(?:it is |it's |option |choice |the |\(|[A-Z]\b))"
    r"|answer(?= \(?[A-Z]\b)"
    r")"
    r"|(?:答案|答え|回答|正解|정답|选项|選択肢)[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{0,3}\s?:?"
    r"|(?:选择?|選択?擇?)(?= ?\(?[A-Z])",
    re.IGNORECASE,
)
_LETTER = re.compile(
    r"(?:\(\s?([A-Za-z])\s?\)|\[([A-Za-z])\]|([A-Za-z])(?=[).:,;\]/!?](?!\w)|\.[A-Z]|\)\w|\s-|\s*\Z|\s*\n|\s*\()"
    r"|([B-HJ-Z])(?![^\W_]|')"
    r"|(A)(?=\s+(?:(?:because|since|as|and|or|which|with|based|due|for|is|so|in|given|from)\b|[A-Z\W]|[\u3040-\ud7af])))"
)
_FILL_RE = re.compile(_FILL, re.IGNORECASE)
_NEGATED = re.compile(r"\s*(?:is\s+)?(?:not|neither|never|unlikely|isn't|n't)\b", re.IGNORECASE)
_ALSO = re.compile(
    r"[\s).\]]*(?:,|\bor\b|/|\band\b|&)\s*(?:option\s+|choice\s+)?(?:\(([A-Za-z])\)|([A-Z])(?![^\W_]|'))",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"[\s).:\],(-]{0,6}(?:(?:the|a|an|it is|it's)\s+)?", re.IGNORECASE)
_NAME_ENDS = re.compile(
    r"\s*(?:\Z|[.,;:!)(\n?]|-\s|\b(?:because|since|as|which|that|in|on|from|based|highlighted|annotated|with|by|not|rather|"
    r"of|due|given|for|side|object|at|it|and)\b)",
    re.IGNORECASE,
)
# "A. The table, highlighted by a blue box, is farther": the name opens a sentence and doesn't explain the letter.
_STARTS_SENTENCE = re.compile(r"\s?[,(][^.!?\n]{0,120}\b(?:is|are|was|appears|seems|looks)\b", re.IGNORECASE)
_FOREIGN_LABEL = re.compile(
    r"\W{0,4}(?:the )?(?:(?:point|object|circle)\s(?:labell?ed )?([A-Z])|([B-HJ-Z]))\s(?:is|appears|seems)\b[\w ]{0,20}"
    r"\b(?:closer|nearer|closest|nearest)\b",
    re.IGNORECASE,
)
_OR_NAME = re.compile(r"\s*(?:\bor\b|/)\s*(?:the|a|an)?\s*", re.IGNORECASE)
_POST = re.compile(
    r"\s{1,2}(?:is|would be|must be|should be|seems to be|appears to be|seems) (?:the |thus the |therefore the )?"
    r"(?:correct|right (?:answer|choice|option|one)|best (?:answer|choice|option)|(?:final )?answer\b"
    r"|most (?:accurate|appropriate))",
    re.IGNORECASE,
)
_POST_WORDS = ("correct", "right", "best", "answer", "most a")
# "The chair is closer. (A)"
_CLOSING_LETTER = re.compile(r"[.,;:!\n]\s{0,4}(?:\(([A-Z])\)|([B-HJ-Z]))[\s.]{0,4}\Z")
_BACK_LETTER = re.compile(r"(?:\(([A-Za-z])\)|(?<![^\W_])([A-Z])[).:]?)\Z")
_LEAD = re.compile(
    r"[^\w(\[]{0,8}(?:(?:sure|okay|ok|yes)\W{1,2})?(?:(?:option|choice|answer|object)\s)?"
    r"(?:\(\s?([A-Za-z])\s?\)|\[([A-Za-z])\]"
    r"|([A-Za-z])(?:(?=\)|[.:](?!\w*[.:])|,\s|;|\s-\s|\s*\(|\s*\n|\s*\Z))"
    r"|([B-HJ-Z])(?=\s(?!is\b|appears\b|seems\b|looks\b|or\b|and\b)[a-z\u3040-\ud7af])"
    r"|(A)(?=\s+(?:because|since|as it|due|I think|I guess|I believe)\b))",
    re.IGNORECASE,
)
_LINE_LETTER = re.compile(
    r"^[^\w\n(\[]{0,8}(?:(?:option|choice)\s)?(?:\(([A-Za-z])\)|([A-Za-z])(?=[).:] |[).:]?[ \t]*$))",
    re.MULTILINE | re.IGNORECASE,
)
_YES_NO = re.compile(
    r"\W{0,12}(?:(?:sure|okay|ok|well)\W{1,4})?(?:(yes|yeah|yep|true)|(no|nope|false))\b"
    r"(?:\s*(?:\Z|[.,;:!\n-])|\s+(?:it|they|he|she|this|that|the|there is not|there isn't|because|since|i)\b)",
    re.IGNORECASE,
)
_SECOND_THOUGHT = re.compile(
    r"\b(?:wait|actually|therefore|thus|hence|however|reconsider\w*|correction|so|final|but|instead|on reflection|"
    r"in conclusion|sorry|correct answer)\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:cannot|can't|unable|not possible|impossible|sorry|not able|insufficient|not enough|doesn't provide|"
    r"does not provide|unclear|no way)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Declaration:
    """An answer stated as such: where, which, by which rule."""

    start: int
    end: int
    value: int
    rule: str


def parse_answer(text: str, choices: Sequence[str], *, question: str | None = None) -> ParsedAnswer:
    """Read the answer that a model's output gives.

    Args:
        text: Raw output, any string.
        choices: The options in letter order; a leading "(A) " of their own position is ignored.
        question: The question as asked. It tells what a comparative means ("farther" where the question asks for the
            farther one) and which box colour marks which choice; without it "closer to the camera" is assumed.

    Returns:
        The letter with status ``answered``, or no letter and the reason. Never raises for any text.
    """
    count = min(len(choices), len(LETTERS))
    if not count:
        return ParsedAnswer(None, AnswerStatus.NONE, "no_choices")
    bare = _BARE_LETTER.match(text)
    if bare:
        return _of_value(_letter_value(bare[1], count), "bare_letter")
    options = compile_options(tuple(map(str, choices)), question)
    region = answer_region(text)
    value, rule = _read_region(region, options)
    if region.source in ("answer_block", "open_answer_block", "boxed", "json"):
        rule = f"{region.source}:{rule}"
    if region.cut and value == _MISSING:
        return ParsedAnswer(None, AnswerStatus.TRUNCATED, rule)
    return _of_value(value, rule)


def _of_value(value: int, rule: str) -> ParsedAnswer:
    if value >= 0:
        return ParsedAnswer(LETTERS[value], AnswerStatus.ANSWERED, rule)
    if value == _OUT:
        return ParsedAnswer(None, AnswerStatus.OUT_OF_RANGE, rule)
    if value == _SEVERAL:
        return ParsedAnswer(None, AnswerStatus.AMBIGUOUS, rule)
    if value == _CLASH:
        return ParsedAnswer(None, AnswerStatus.CONFLICTING, rule)
    return ParsedAnswer(None, AnswerStatus.TRUNCATED if rule == "cut_off" else AnswerStatus.NONE, rule)


def _letter_value(char: str, count: int) -> int:
    index = LETTERS.find(char.upper())
    if 0 <= index < count:
        return index
    return _MISSING if char in "Ii" else _OUT


def _read_region(region: Region, options: Options) -> tuple[int, str]:
    text = region.text
    if is_blank(text):
        return _MISSING, region.source if "reasoning" in region.source else "empty"
    bare = _BARE_LETTER.match(text)
    if bare:
        return _letter_value(bare[1], options.count), "bare_letter"
    exact = options.index_of(text.strip(" \n\t.,:;!()[]'-")) if len(text) <= 500 else None
    # "A left": no article goes before such words, so "A" is a letter there.
    lettered = options.kind != "entity" and text.lstrip().startswith("A ")
    if exact is not None and not options.labels and not lettered:
        return (exact, "option_text") if exact >= 0 else (_SEVERAL, "equal_choices")
    rest = without_recital(text, options)
    if rest != text:
        if is_blank(rest):
            return _SEVERAL, "options_only"
        text = rest
    letters = _only_letters(text)
    if letters:
        if len(letters) > 1:
            return _SEVERAL, "several_letters"
        return _letter_value(letters.pop(), options.count), "repeated_letter"
    text = without_box_phrases(text)
    declarations = _declarations(text, options)
    if declarations:
        return _from_declarations(text, declarations, options)
    return _from_sentences(text, options)


def _only_letters(text: str) -> set[str]:
    """The letters of a text that holds nothing else: "(A) (A)", "BBBB", "A or B"; empty for any other text."""
    if _WORD_INSIDE.search(text) or _NOT_APPLICABLE.fullmatch(text):
        return set()
    characters = set(text)
    named = {char for char in characters if char.isalnum()}
    if len(named) == 1:
        (char,) = named
        return named if char in LETTERS or (char.upper() in LETTERS and char * 2 not in text) else set()
    if len(text) > 400:
        return set()
    words = re.findall(r"[^\W_]+", text)
    letters = {word for word in words if len(word) == 1}
    if all(char in LETTERS for char in letters) and all(
        len(word) == 1 or word in ("and", "or") for word in words
    ):
        return letters
    return set()


# --- declared answers -------------------------------------------------------------------------------------------


def _declarations(text: str, options: Options) -> list[_Declaration]:
    found = []
    lower = text.lower()
    # Most outputs hold none of these words, and looking for words is far faster than looking for the pattern.
    if not text.isascii() or any(word in lower for word in lexicon.CUE_WORDS):
        for cue in _CUE.finditer(text):
            declared = _declared_value(text, cue.end(), options)
            if declared is not None:
                value, end = declared
                found.append(_Declaration(cue.start(), end, value, "declared"))
    if any(word in lower for word in _POST_WORDS):
        found += _post_declarations(text, options)
    foreign = _FOREIGN_LABEL.match(text) if options.labels else None
    if foreign and (foreign[1] or foreign[2]).upper() not in options.labels:
        found.append(_Declaration(0, foreign.end(), _OUT, "foreign_label"))
    if options.kind == "yes_no":
        reply = _YES_NO.match(text)
        if reply:
            index = options.names["yes" if reply[1] else "no"]
            found.append(_Declaration(0, reply.end(), index, "leading_yes_no"))
    leads = _leading_letters(text, options)
    if len({lead.value for lead in leads}) > 1:
        # One line for each option: a list, not an answer.
        leads = []
    found += leads
    closing = _CLOSING_LETTER.search(text[-24:])
    if closing and not (found and found[-1].end >= len(text) - 24 + closing.start(1)):
        value = _letter_value(closing[1] or closing[2], options.count)
        if value >= 0:
            found.append(_Declaration(len(text) - 1, len(text), value, "closing_letter"))
    found.sort(key=lambda d: (d.start, d.end))
    return found


def _declared_value(text: str, position: int, options: Options) -> tuple[int, int] | None:
    """The answer that follows a cue such as "the answer is", and where it ends; None where none follows."""
    if _NEGATED.match(text, position):
        return None
    fill = _FILL_RE.match(text, position)
    start = fill.end() if fill else position
    if _NEGATED.match(text, start):
        return None
    letter = _LETTER.match(text, start)
    if letter:
        char = next(group for group in letter.groups() if group)
        if char in "Ii" and not letter[1]:
            return None
        return _with_neighbours(text, _letter_value(char, options.count), letter.end(), options)
    return _name_value(text, start, options)


def _name_value(text: str, start: int, options: Options) -> tuple[int, int] | None:
    article = re.compile(r"(?:(?:the|a|an|to the|on the|in the|on|it is|it's)\s+){0,2}", re.IGNORECASE).match(
        text, start
    )
    at = article.end() if article else start
    name = options.pattern.match(text, at) if options.pattern else None
    if name is None:
        return None
    index = options.names.get(squeeze(name[0]))
    if index is None:
        return None
    other = _OR_NAME.match(text, name.end())
    if other and options.pattern and options.pattern.match(text, other.end()):
        return _SEVERAL, other.end()
    if not _NAME_ENDS.match(text, name.end()):
        return None
    if index < 0:
        return _SEVERAL, name.end()
    letter = re.compile(r"\s*\(([A-Za-z])\)").match(text, name.end())
    if letter and _letter_value(letter[1], options.count) not in (index, _OUT):
        return _CLASH, letter.end()
    return index, name.end()


def _with_neighbours(text: str, value: int, end: int, options: Options) -> tuple[int, int]:
    """A letter together with what stands beside it: a second letter, or the name of a choice."""
    also = _ALSO.match(text, end)
    if also:
        other = _letter_value(also[1] or also[2], options.count)
        follows = text[also.end() : also.end() + 1]
        if (
            other >= 0
            and other != value
            and (also[1] or also[2].isupper())
            and (follows in ("", ".", ",", ")", "\n") or also[1])
        ):
            return _SEVERAL, also.end()
    beside = _BESIDE.match(text, end)
    at = beside.end() if beside else end
    if options.pattern is not None and value >= 0:
        name = options.pattern.match(text, at)
        if name:
            index = options.names.get(squeeze(name[0]), value)
            if _NAME_ENDS.match(text, name.end()) and not _STARTS_SENTENCE.match(text, name.end()):
                return (value if index in (value, -1) else _CLASH), name.end()
    return value, end


def _post_declarations(text: str, options: Options) -> list[_Declaration]:
    """ "B is the correct answer", "option (B) table is right"."""
    found = []
    for post in _POST.finditer(text):
        before = text[max(0, post.start() - 60) : post.start()]
        letter = _BACK_LETTER.search(before)
        if letter:
            value = _letter_value(letter[1] or letter[2], options.count)
            found.append(_Declaration(post.start() - 1, post.end(), value, "declared"))
            continue
        names = list(options.pattern.finditer(before)) if options.pattern else []
        if names and names[-1].end() == len(before):
            index = options.names.get(squeeze(names[-1][0]), _MISSING)
            if index >= 0:
                found.append(_Declaration(post.start() - 1, post.end(), index, "declared"))
    return found


def _leading_letters(text: str, options: Options) -> list[_Declaration]:
    """Letters that open the text, or a line of it: "B. table", "(B) The table is closer"."""
    found = []
    first = _LEAD.match(text)
    if first is None and options.kind in ("relation", "yes_no", "number") and options.pattern is not None:
        article = re.match(r"\s*A\s+", text)
        if article and options.pattern.match(text, article.end()):
            value, stop = _with_neighbours(text, 0, article.end(), options)
            return [_Declaration(0, stop, value, "leading_letter")]
    if first:
        char = next(group for group in first.groups() if group)
        strong = bool(first[1] or first[2])
        # IGNORECASE serves the words around the letter; a lower-case letter needs a mark of its own.
        mark = text[first.end() : first.end() + 1]
        lone = char.islower() and not strong and mark not in (")", ".", ":")
        if not lone and not (char in "Ii" and not strong):
            end = first.end()
            value, stop = _with_neighbours(text, _letter_value(char, options.count), end, options)
            found.append(_Declaration(0, stop, value, "leading_letter"))
    for line in _LINE_LETTER.finditer(text, first.end() if first else 0):
        char = line[1] or line[2]
        if (char in "Ii" and not line[1]) or (line.start() and text[line.start() - 1] != "\n"):
            continue
        value = _letter_value(char, options.count)
        if value == _OUT and not line[1]:
            continue
        value, stop = _with_neighbours(text, value, line.end(), options)
        found.append(_Declaration(line.start(), stop, value, "letter_line"))
    return found


def _from_declarations(text: str, declarations: list[_Declaration], options: Options) -> tuple[int, str]:
    last = declarations[-1]
    for earlier in reversed(declarations[:-1]):
        if earlier.value != last.value:
            between = text[earlier.end : last.end]
            if last.value >= 0 and _SECOND_THOUGHT.search(between):
                last = _Declaration(last.start, last.end, last.value, "concluded_last")
                break
            return _CLASH, "declared_twice"
    if last.value >= 0:
        if not is_blank(text[last.end :]):
            said = _claims(text[last.end :], options)[0]
            if said and last.value not in said:
                return _CLASH, "letter_against_text"
        before = text[: last.start]
        before = before[: 1 + max(before.rfind(mark) for mark in ".!?;,:\n")]
        if _last_claim(before, options) not in (None, last.value):
            return _CLASH, "letter_against_text"
    return last.value, last.rule


def _last_claim(text: str, options: Options) -> int | None:
    """What the text before a declaration said last and outright, unless it then turned."""
    if len(text) < 8:
        return None
    for sentence in reversed(sentences(text[-1000:])):
        reading = read_sentence(sentence, options)
        if reading.turns:
            return None
        outright = {index for index, strength in reading.claims if strength == 2}
        if outright:
            return outright.pop() if len(outright) == 1 else None
    return None


# --- answers in sentences ---------------------------------------------------------------------------------------


def _claims(text: str, options: Options) -> tuple[set[int], list[Reading]]:
    """Choices that sentences make the answer (outright ones if any), and the readings."""
    readings: list[Reading] = []
    previous: int | None = None
    for sentence in sentences(text):
        reading = read_sentence(sentence, options, previous)
        readings.append(reading)
        named = {mention.index for mention in reading.mentions}
        previous = named.pop() if len(named) == 1 else None
    claims = [claim for reading in readings for claim in reading.claims if claim[0] >= 0]
    outright = {index for index, strength in claims if strength == 2}
    return outright or {index for index, _ in claims}, readings


def _from_sentences(text: str, options: Options) -> tuple[int, str]:
    said, readings = _claims(text, options)
    if any(reading.clash for reading in readings):
        return _CLASH, "letter_against_text"
    if any(index == -1 for reading in readings for index, _ in reading.claims):
        return _SEVERAL, "equal_choices"
    last_claim = max((i for i, reading in enumerate(readings) if reading.claims), default=-1)
    last_tie = max(
        (i for i, reading in enumerate(readings) if reading.tie and not reading.claims), default=-1
    )
    if said:
        if last_tie > last_claim:
            return _SEVERAL, "tie"
        if len(said) == 1:
            return next(iter(said)), "sentence"
        closing = readings[last_claim]
        final = {index for index, strength in closing.claims if strength == max(s for _, s in closing.claims)}
        if len(final) == 1 and (
            closing.concludes or closing.turns or any(r.turns for r in readings[:last_claim])
        ):
            return next(iter(final)), "concluded_last"
        return _CLASH, "sentences_disagree"
    if last_tie >= 0:
        return _SEVERAL, "tie"
    named: list[int] = []
    for reading in readings:
        if reading.bare and not reading.hedge:
            named += [mention.index for mention in reading.mentions]
    if len(set(named)) == 1:
        return (named[0], "named") if named[0] >= 0 else (_SEVERAL, "equal_choices")
    if len(set(named)) > 1 or any(reading.hedge and not reading.asking for reading in readings):
        return _SEVERAL, "several_named"
    if any(reading.bare for reading in readings):
        denied = any(reading.denied for reading in readings)
        return (_MISSING, "denied_only") if denied else (_SEVERAL, "several_named")
    return _MISSING, _why_none(text)


_DANGLING = re.compile(
    r"\b(?:answer|option|choice)(?: (?:is|would be|should be))?(?: \(| the)?\s*:?\s*\Z", re.IGNORECASE
)


def _why_none(text: str) -> str:
    if _DANGLING.search(text[-60:]):
        return "cut_off"
    return "refusal" if _REFUSAL.search(text) else "no_answer"
