"""Find declared answers: "the answer is B", "B is correct", a letter at the start of the text or of a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reinforcesight.judge import lexicon
from reinforcesight.judge.options import Options, squeeze
from reinforcesight.protocol import LETTERS

# Values of a declaration that are not a zero-based index.
OUT, SEVERAL, CLASH, MISSING = -1, -2, -3, -4

_FILL = (
    r"[\s:=\"'\[-]*(?:(?:that|likely|probably|definitely|clearly|simply|most|option|choice|letter|is|as follows|be|"
    r"indeed|the|correct|one|object|answer|point|really|actually|therefore|thus"
    r"|la|le|l'option|opción|opcion|die|der|letra|lettre|, (?:sondern|sino|mais|but))\b[\s:=\"'\[-]*){0,6}"
)
_CUE = re.compile(
    r"\b(?:"
    r"(?:answer|ans|solution|response|conclusion|verdict|réponse|reponse|respuesta|antwort|lösung|risposta|resposta|opção|ответ"
    r"|odpowiedź|opción|opcion|alternativa|bonne option)"
    r"(?: [^\W\d_]{1,12}){0,6}?\s{0,3}(?::|=|\n|\b(?:is|be|est|ist|lautet|sería|serait|wäre|es|é|è)\b)"
    r"|(?:output|prediction|result|choose|chosen|winner|final|correct|guess)\s{0,2}(?::|\bis\b)"
    r"|es ist\b|(?:leaves|leaving|remains|remaining)(?= (?:option |choice |only )?\(?[A-Z]\b)"
    r"|(?:richtig|korrekt) (?:ist|wäre)|la (?:correcta|correcte|bonne) (?:es|est)|corresponds? to\b"
    r"|(?:think|believe|guess|say)(?: that)? (?:it is|it's|it would be)\b|it would be\b|think(?= \(?[B-HJ-Z]\b)"
    r"|(?:correct |right |best |selected |chosen |final )?(?:option|choice|letter|label|selection|vote|pick|decision)"
    r"(?: (?:would|should|must|to))?\s{0,3}(?::|=|\b(?:is|be)\b)"
    r"|(?:choose|chose|choosing|select|selecting|selected|pick|picking|go(?:ing)? (?:with|for)"
    r"|(?:opt|vot)(?:e|ing)? for|(?<!going to )(?<!about to )say|(?:i'd|i would|i'll|i will) answer"
    r"|lean(?:ing)? (?:towards?|to)|settl(?:e|ing) (?:on|for)"
    r"|(?:chang(?:e|ed|ing)|revis(?:e|ed|ing)) (?:it|that|this|my answer) to|switch(?:ed|ing)? to|end(?:ed"
    r"|ing)? up with"
    r"|stick(?:ing)? (?:with|to)|stay(?:ing)? with|(?:vote|choice|pick|point) goes (?:to|for)|money (?:is )?on"
    r"|bet(?:ting)? on"
    r"|(?:everything|evidence|cues?|signs?|all of this|this all) (?:clearly |here )?(?:points? (?:to|at"
    r"|towards?)|favou?rs?"
    r"|speaks? for)|in favou?r of|that makes it)\b"
    r"|(?:therefore|thus|hence|so|in conclusion)\b[ ,:]{0,3}(?=(?:it is |it's |option |choice |the |\(|[A-Z]\b))"
    r"|(?:correct|right|best) one\s{0,2}(?::|\bis\b)"
    r"|(?P<it>(?:it's|it is|it must be|it has to be|it can only be)(?= (?:the |\(?[A-Z]\b))"
    r"|(?:wait|actually|correction|update|edit|oops|sorry|on reflection|looking again|no|i meant?|(?<!or )maybe"
    r"|(?<!or )perhaps)\b[ ,:;.-]{1,3}"
    r"(?:actually )?(?=\(?[A-Z]\b))"
    r"|je choisis|elijo|escojo|ich (?:wähle|nehme)|(?:opción|option) correct[ae] (?:es|est)\b"
    r"|(?:answer|letter|réponse|respuesta|antwort)(?= \(?[A-Z]\b)|answer's"
    r")"
    r"|(?:正确的?是|答案|答え|回答|正解|정답|选项|選択肢)[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{0,3}\s?:?"
    r"|(?:选择?|選択?擇?)(?= ?\(?[A-Z])",
    re.IGNORECASE,
)
_LETTER = re.compile(
    r"(?:\(\s?([A-Za-z])\s?\)|\[([A-Za-z])\]|([A-Za-z])(?=[).:,;\]/!?](?!\w)|\.[A-Z]|\)\w|\s-|\s*\Z|\s*\n|\s*\()"
    r"|([B-HJ-Z])(?![^\W_]|')"
    r"|(A)(?=\s+(?:(?:because|since|as|and|or|but|which|with|based|due|for|is|so|in|given|from)\b|[A-Z\W]|[\u3040-\ud7af])))"
)
_IF = re.compile(r"\b(?:if|unless|were|had|suppose|assuming|provided|in case|should)\b")
# "I wouldn't pick the desk", "a mistake to answer A", "some would say A"
_DENIES_CUE = re.compile(
    r"(?:n't|\bnot|\bnever|\bcannot|\bno (?:way|chance)|\b(?:i|we) (?:doubt|disagree|refuse to)"
    r"|\b(?:impossible|unlikely)(?= that)|\b(?:mistake|wrong|incorrect|tempted|tempting) to"
    r"|\b(?:some|many|others|people|someone|they|nobody|no one)(?: \w+)? (?:would|might|may|could|will)"
    r"|\b(?:nobody|no one)\b(?: \w+)?)"
    r"(?: (?:really|want to|be|going to|have|say|saying|claiming|also|even|simply|just|that))*\s\Z",
    re.IGNORECASE,
)
_MODAL = re.compile("would|could|might|may")
_MAYBE = re.compile(r"\b(?:maybe|perhaps|possibly)\b", re.IGNORECASE)
_ENDS = re.compile(r"\s*(?:[.!;\n]|\Z)")
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
# In "A. The table, highlighted by a blue box, is farther", the name opens a sentence and doesn't explain the letter.
_STARTS_SENTENCE = re.compile(r"\s?[,(][^.!?\n]{0,120}\b(?:is|are|was|appears|seems|looks)\b", re.IGNORECASE)
_FOREIGN_LABEL = re.compile(
    r"\W{0,4}(?:the )?(?:(?:point|object|circle)\s(?:labell?ed )?([A-Z])|([B-HJ-Z]))\s(?:is|appears|seems)\b[\w ]{0,20}"
    r"\b(?:closer|nearer|closest|nearest)\b",
    re.IGNORECASE,
)
_OR_NAME = re.compile(r"\s*(?:\bor\b|/)\s*(?:the|a|an)?\s*", re.IGNORECASE)
_POST = re.compile(
    r"\s{1,2}(?:(?:it is|wins|it has to be|it must be)(?=,? (?:then|therefore)\b|\s?[.!]|\s*\Z)|(?:ist|es"
    r"|est) (?:richtig|korrekt|(?:la )?(?:correct|bonne|respuesta correct))"
    r"|(?:is|would be|must be|should be|(?:seems|appears)(?: to be)?|looks(?: like)?) (?:(?:thus |therefore "
    r"|also )?the |also |equally |just as )?"
    r"(?:correct|true(?= too\b| as well\b|\s?[.,;!]|\s*\Z)"
    r"|right(?: (?:answer|choice|option|one)\b|(?= (?:and|too|as well|also)\b|\s?[.,;!]|\s*\Z))"
    r"|best (?:answer|choice|option)"
    r"|(?:my )?(?:final )?answer\b|my (?:best )?(?:pick|choice|guess)\b|most (?:accurate|appropriate)))",
    re.IGNORECASE,
)
_POST_WORDS = re.compile("correct|true|right|best|answer|most a|it is|wins|it has|it must|my |richtig|korrekt|bonne")
# "Both cues together → the table", "so: the table"
_CONCLUDED = re.compile(
    r"(?:[^\W\d_]{3,}\W{0,3}(?:→|=>|->)|\b(?:so|thus|hence|therefore|donc)\b\s?[:,]?)\s*(?:the )?\Z", re.I
)
# "so" is looked for before its word boundary: a search that begins with a letter is far faster.
_CONCLUDES = re.compile(r"→|=>|->|so\b(?<=\bso)|thus|hence|therefore|donc")
# "A is correct. So is option B.": two answers
_SO_IS = re.compile(
    r"\b(?:[Ss]o|as) (?:is|does|would|are) (?:the )?(?:option |choice )?\(?[A-Z]\b(?! (?:is|has|does)\b)"
)
# "Choosing B would not be wrong", "B might also be correct": no answer
_ALLOWED = re.compile(
    r"\)?,?\s+(?:would(?:n't| not) be (?:wrong|incorrect|an?\b|im|un)|(?:could|might|may) (?:also|as well|equally)\b"
    r"|(?:could|might|may) be (?:\w+ )?(?:too|as well)\b)",
    re.IGNORECASE,
)
# "The chair is closer. (A)"
_CLOSING_LETTER = re.compile(r"[.,;:!\n]\s{0,4}(?:\(([A-Z])\)|([B-HJ-Z]))[\s.]{0,4}\Z")
_BACK_LETTER = re.compile(r"(?:\(([A-Za-z])\)|(?<![^\W_])([A-Z])[).:]?)\Z")
_LEAD = re.compile(
    r"[^\w(\[]{0,8}(?:(?:sure|okay|ok|yes|surely|definitely|certainly|probably)\W{1,2})?(?:(?:la )?(?:option"
    r"|opci[oó]n|choice|answer)\s)?"
    r"(?:\(\s?([A-Za-z])\s?\)|\[([A-Za-z])\]"
    r"|([A-Za-z])(?:(?=\)|[.:](?!\w*[.:])|,\s|;|\s-\s|\s*\(|\s*\n|\s*\Z))"
    r"|([B-HJ-Z])(?=\s(?!is\b|appears\b|seems\b|looks\b|or\b|and\b)[a-z\u3040-\ud7af])"
    r"|(A)(?=\s+(?:because|since|as it|due|I think|I guess|I believe)\b))",
    re.IGNORECASE,
)
# "A: farther, B: closer", "(A) is farther"
_COMPARES = re.compile(r"[\s):=-]*(?:is |are )?(?:the )?(?:clos|near|far|furth)\w*\b", re.IGNORECASE)
_LINE_LETTER = re.compile(
    r"^[^\w\n(\[]{0,8}(?:(?:option|choice)\s)?(?:\(([A-Za-z])\)|([A-Za-z])(?=[).:] |[).:]?[ \t]*$))",
    re.MULTILINE | re.IGNORECASE,
)
_YES_NO = re.compile(
    r"\W{0,12}(?:(?:sure|okay|ok|well)\W{1,4})?"
    r"(?:((?:that|this|it)(?:'s| is) (?:true|correct|right)|yes|yeah|yep|true|absolutely|affirmative"
    r"|indeed(?=,? (?:it|they) (?:is|are|does|do)\b))"
    rf"|((?:that|this|it)(?:'s| is) {lexicon.CALLED_WRONG}|no|nope|false|negative))\b"
    r"(?:\s*(?:\Z|[.,;:!\n-])|\s+(?:it|they|he|she|this|that|the|there is not|there isn't|because|since|i)\b)",
    re.IGNORECASE,
)
_ARTICLES = re.compile(r"(?:(?:the|a|an|to the|on the|in the|on|it is|it's)\s+){0,2}", re.IGNORECASE)
_LETTER_AFTER = re.compile(r"\s*\(([A-Za-z])\)")
_LETTER_A = re.compile(r"\s*A\s+")
_A_GROUP = re.compile(r"(?:single|pair|couple|dozen)\b")  # "A pair of dogs": an article


@dataclass(slots=True)
class Declaration:
    """A declared answer: its position, value and rule."""

    start: int
    end: int
    value: int
    rule: str


def letter_value(char: str, count: int) -> int:
    """Return the index of a letter's choice; OUT if no choice has the letter, MISSING for the pronoun "I"."""
    index = LETTERS.find(char.upper())
    if 0 <= index < count:
        return index
    return MISSING if char in "Ii" else OUT


def find_declarations(text: str, options: Options) -> list[Declaration]:
    """Return all declared answers of a plain text, in order."""
    found = []
    lower = text.lower()
    for cue in _cues(text, lower):
        if _DENIES_CUE.search(text, max(0, cue.start() - 40), cue.start()):
            continue
        if cue["it"] and _MAYBE.match(cue[0]) and _MAYBE.search(text, 0, cue.start()):
            continue  # "perhaps A, perhaps B"
        declared = _declared_value(text, cue.end(), options)
        if declared is None or (
            _IF.search(lower) and lexicon.CONDITION.search(text, max(0, cue.start() - 200), cue.start())
        ):
            continue
        # "it's the sofa that is farther" is left to read_sentence.
        if not cue["it"] or _ENDS.match(text, declared[1]):
            value, end = declared
            found.append(Declaration(cue.start(), end, value, "declared"))
    if _POST_WORDS.search(lower):
        found += _post_declarations(text, options)
    foreign = _FOREIGN_LABEL.match(text) if options.labels else None
    if foreign and (foreign[1] or foreign[2]).upper() not in options.labels:
        found.append(Declaration(0, foreign.end(), OUT, "foreign_label"))
    if options.kind == "yes_no":
        reply = _YES_NO.match(text)
        if reply:
            index = options.names["yes" if reply[1] else "no"]
            found.append(Declaration(0, reply.end(), index, "leading_yes_no"))
    leads = _leading_letters(text, options)
    if len(leads) > 1 and len({lead.value for lead in leads}) > 1:
        # One line for each option is a list, not an answer.
        leads = []
    found += leads
    closing = _CLOSING_LETTER.search(text[-24:])
    if closing and not (found and found[-1].end >= len(text) - 24 + closing.start(1)):
        value = letter_value(closing[1] or closing[2], options.count)
        if value >= 0:
            found.append(Declaration(len(text) - 1, len(text), value, "closing_letter"))
    if found and ("so " in lower or "as " in lower) and (same := _SO_IS.search(text, found[0].end)):
        found.append(Declaration(same.start(), same.end(), SEVERAL, "declared_twice"))
    if found and _MODAL.search(lower):
        found = [declared for declared in found if not _ALLOWED.match(text, declared.end)]
    if options.kind == "entity" and not found and _CONCLUDES.search(lower):
        found += _concluded(text, options)
    found.sort(key=lambda d: (d.start, d.end))
    return found


def _concluded(text: str, options: Options) -> list[Declaration]:
    """Find the name that a closing arrow or "so:" concludes."""
    start = len(text.rstrip(" \n.!)")) - 60
    names = list(options.pattern.finditer(text, max(0, start))) if options.pattern else []
    if not names or text[names[-1].end() :].strip(" \n.!)"):
        return []
    before = _CONCLUDED.search(text, max(0, names[-1].start() - 20), names[-1].start())
    index = options.index_of(names[-1][0])
    if before is None or index is None or index < 0 or sum(map(text.count, ("→", "=>", "->"))) > 1:
        return []
    return [Declaration(before.start(), len(text), index, "declared")]


def _cues(text: str, lower: str) -> Iterator[re.Match[str]]:
    """Return the matches of `_CUE`, in order. Its many alternatives are tried only where one of their words starts."""
    if not text.isascii():
        yield from _CUE.finditer(text)
        return
    position = 0
    for word in lexicon.CUE.finditer(lower):
        cue = _CUE.match(text, word.start()) if word.start() >= position else None
        if cue:
            position = cue.end()
            yield cue


def _declared_value(text: str, position: int, options: Options) -> tuple[int, int] | None:
    """Return the answer after a cue such as "the answer is", and its end; None if no answer follows."""
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
        return _with_neighbours(text, letter_value(char, options.count), letter.end(), options)
    return _name_value(text, start, options)


def _name_value(text: str, start: int, options: Options) -> tuple[int, int] | None:
    article = _ARTICLES.match(text, start)
    at = article.end() if article else start
    name = options.pattern.match(text, at) if options.pattern else None
    if name is None:
        return None
    index = options.names.get(squeeze(name[0]))
    if index is None:
        return None
    other = _OR_NAME.match(text, name.end())
    if other and options.pattern and options.pattern.match(text, other.end()):
        return SEVERAL, other.end()
    if not _NAME_ENDS.match(text, name.end()):
        return None
    if index < 0:
        return SEVERAL, name.end()
    letter = _LETTER_AFTER.match(text, name.end())
    if letter and letter_value(letter[1], options.count) not in (index, OUT):
        return CLASH, letter.end()
    return index, name.end()


def _with_neighbours(text: str, value: int, end: int, options: Options) -> tuple[int, int]:
    """Combine a letter with a second letter or the name of a choice next to it."""
    also = _ALSO.match(text, end)
    if also:
        other = letter_value(also[1] or also[2], options.count)
        follows = text[also.end() : also.end() + 1]
        if (
            other >= 0
            and other != value
            and (also[1] or also[2].isupper())
            and (follows in ("", ".", ",", ")", "\n") or also[1])
        ):
            return SEVERAL, also.end()
    beside = _BESIDE.match(text, end)
    at = beside.end() if beside else end
    if options.pattern is not None and value >= 0:
        name = options.pattern.match(text, at)
        if name:
            index = options.names.get(squeeze(name[0]), value)
            if _NAME_ENDS.match(text, name.end()) and not _STARTS_SENTENCE.match(text, name.end()):
                return (value if index in (value, -1) else CLASH), name.end()
    return value, end


def _post_declarations(text: str, options: Options) -> list[Declaration]:
    """Find answers before their cue: "B is the correct answer", "option (B) table is right"."""
    found = []
    for post in _POST.finditer(text):
        before = text[max(0, post.start() - 60) : post.start()]
        letter = _BACK_LETTER.search(before)
        if letter:
            value = letter_value(letter[1] or letter[2], options.count)
            found.append(Declaration(post.start() - 1, post.end(), value, "declared"))
            continue
        names = list(options.pattern.finditer(before)) if options.pattern else []
        if names and names[-1].end() == len(before):
            index = options.names.get(squeeze(names[-1][0]), MISSING)
            if index >= 0:
                found.append(Declaration(post.start() - 1, post.end(), index, "declared"))
    return found


def _leading_letters(text: str, options: Options) -> list[Declaration]:
    """Find letters at the start of the text or of a line: "B. table", "(B) The table is closer"."""
    found = []
    first = _LEAD.match(text)
    if first is None and options.kind in ("relation", "yes_no", "number") and options.pattern is not None:
        article = _LETTER_A.match(text)
        if article and options.pattern.match(text, article.end()) and not _A_GROUP.match(text, article.end()):
            value, stop = _with_neighbours(text, 0, article.end(), options)
            return [Declaration(0, stop, value, "leading_letter")]
    if first:
        char = next(group for group in first.groups() if group)
        strong = bool(first[1] or first[2])
        # IGNORECASE is for the words around the letter; a lower-case letter counts only with a mark after it.
        mark = text[first.end() : first.end() + 1]
        lone = char.islower() and not strong and mark not in (")", ".", ":")
        if mark == ":" and any(
            re.search(rf"\b{LETTERS[i]}:", text[first.end() :].partition("\n")[0])
            for i in range(options.count)
            if LETTERS[i] != char.upper()
        ):
            lone = True  # "A: the cup is blue and B: the jar is": a list
        compares = options.kind in ("entity", "label") and _COMPARES.match(text, first.end())
        if not (lone or compares) and not (char in "Ii" and not strong):
            end = first.end()
            value, stop = _with_neighbours(text, letter_value(char, options.count), end, options)
            found.append(Declaration(0, stop, value, "leading_letter"))
    if "\n" in text:
        lines = list(_LINE_LETTER.finditer(text, first.end() if first else 0))
    else:
        only = None if first else _LINE_LETTER.match(text)
        lines = [only] if only else []
    for line in lines:
        char = line[1] or line[2]
        if (char in "Ii" and not line[1]) or (line.start() and text[line.start() - 1] != "\n"):
            continue
        value = letter_value(char, options.count)
        if value == OUT and not line[1]:
            continue
        value, stop = _with_neighbours(text, value, line.end(), options)
        found.append(Declaration(line.start(), stop, value, "letter_line"))
    return found
