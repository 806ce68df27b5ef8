"""Rewrite plain text before parsing: drop rejected letters, turn ordinals into letters, skip lists of all options."""

from __future__ import annotations

import re
from functools import lru_cache

from reinforcesight.judge.lexicon import by_first_letter
from reinforcesight.judge.options import Options, squeeze
from reinforcesight.protocol import LETTERS

_LETTER = re.compile(
    r"(?:\b(?:the )?(?:option|choice|answer|letter)s? )?(?:\(([A-Za-z])\)|(?<![^\W_])([A-Z])(?![^\W_]|'\w))",
    re.IGNORECASE,
)
# The class in front lets the search skip all other characters.
_ANY_LETTER = re.compile(r"[A-HJ-Z(](?:(?<!\w[A-Z])(?<!\()(?!\w)|(?<=\()[a-z]\))")
_AND_LETTER = re.compile(r"(?:,? (?:and|or|nor|&) (?:(?:option|choice) )?\(?[A-Z]\)?)+(?![^\W_])", re.IGNORECASE)
_AFTER_LETTER = re.compile(r"[\s).:,(-]{0,3}(?:(?:the|an?) )?", re.IGNORECASE)
# Text after a rejected letter: "(B) is clearly wrong", "A: incorrect", "A can be excluded", "B does not fit".
_CALLED_WRONG = re.compile(
    r"[\s)]{0,3}(?:"
    r"(?:,? which)? ?(?:(?:is|are|was|were|would be|must be|seems|appears|ist|es|est)\b|[:=,(-])[\s-]{0,3}"
    r"(?:(?:also|both|\w{3,9}ly|thus|therefore) )?"
    r"(?:the |an? )?(?:wrong|incorrect|false|untrue|impossible|invalid|mistaken|excluded|eliminated|rejected|discarded"
    r"|ruled[ -]out|out\b|unlikely|nicht|falsch|fausse|no\b(?=[.,;!\n]|$)|not (?:correct|right|true|possible|valid))"
    r"|(?:is|are|was) (?:\w+ly )?not (?:an? |the )?"
    r"(?:chosen|selected|answer|best|option|it\b|case|plausible|right|correct)"
    r"|(?:can|could|must|may|should|has to)(?: therefore| thus| also)? be (?:excl|elim|rej|discarded|dismissed|ruled)"
    r"|(?:isn't|wasn't|aren't|cannot be|can't be|couldn't be|could not be)"
    r"(?= (?:the |an? )?(?:right|correct|true|answer|possible|valid|case|chosen|option|it\b)|\s?[.,;!\n]|\s?$)"
    r"|(?:does|do|did)(?: not|n't) (?:fit|hold|match|apply|work|agree|make sense)"
    r"|(?:fails|contradicts)\b"
    r"|(?:no es|n'est pas) |(?: ?选项)? ?(?:不正确|不对|不是|错))",
    re.IGNORECASE,
)
# Text before a rejected letter: "not (A)", "I don't think it is B", "we can exclude A", "the wrong option is B".
_DENIED = re.compile(
    r"(?:\b(?:(?:\w{2,6}n't|not|never|cannot)(?: (?:choose|pick|select|answer|say|be|go with|think))?"
    r"(?: (?:it is|it's|that|the answer is))?"
    r"|neither|nor|nicht|rather than|instead of|unlike|other than|rul(?:e|es|ed|ing) out|cross(?:es|ed|ing)? out"
    r"|exclud(?:e|es|ed|ing)|eliminat(?:e|es|ed|ing)|reject(?:s|ed|ing)?|discard(?:s|ed|ing)?|dismiss(?:es|ed|ing)?)"
    r"|\b(?:wrong|incorrect|false|excluded|rejected)"
    r"(?:\s?:| (?:answer|option|choice|one|letter)s?(?:\s?:| is| would be| was)))"
    r"(?: both)?\s{1,2}\Z",
    re.IGNORECASE,
)
# Every text that rejects a letter has one of these; searching for them is far faster.
_DENYING = re.compile(
    r"n't|n'est|不|错|\b"
    + by_first_letter(
        r"not?\b|nor|nicht|never|neither|wrong|incorr|false|untrue|can|could|elim|excl|rej|discard|dismiss|rul|cross"
        r"|rather|instead|unlike|other|impossible|invalid|mistaken|out|fails|contradicts|falsch|fausse"
    )
)
_ORDINAL = re.compile(
    r"\b(?:(first|second|third|fourth|fifth|1st|2nd|3rd|4th|5th|last) (?:option|choice|answer|statement)\b"
    r"|(?:option|choice|answer) is the (?P<is>first|second|third|last) one\b"
    r"|(?:option|choice)(?: number| no\.?)? (?P<number>[1-9])(?![\w.]\w))",
    re.IGNORECASE,
)
# Every ordinal ends in one of these; searching for them is far faster.
_NUMBERED = re.compile("rst |econd |rd |ourth |fth |last |[1-9]")
_PLACE_OF = {word: at for at, word in enumerate(("first", "second", "third", "fourth", "fifth"), 1)}
_ANSWERED = re.compile(
    r"(?<![^\s])([^.!?\n]{1,80})\?\s{1,3}"
    r"(yes|no|i (?:do not|don't) (?:think|believe) so|i doubt it|hardly|not really|certainly not|of course not)\b"
    r"[.,;!]?\s?",
    re.IGNORECASE,
)
_LATTER = re.compile(
    r"\b(?:the )?\b(?:(former|latter)(?: one| object| option| choice)?|(first|second) (?:one|object))\b", re.IGNORECASE
)
_PLACES = re.compile("latter|former|first|second")
_ITEM = re.compile(
    r"(?:\A|(?<=[\n.!?;:]))[ \t]{0,4}(?:[-+]\s|\d\.\s)?(?:(?:option|choice)\s)?"
    r"(?:\(([A-Za-z])\)[:,]?|([A-Z])(?:[).:]|\s-"
    r"|(?:(?<=ption [A-Z])|(?<=hoice [A-Z]))(?:,|\s\([^()\n]{1,40}\):?)))\s",
    re.IGNORECASE,
)
_FAR_BACK = re.compile(r"back\b|rear\b|distance\b|far end\b")
_BACKGROUND = re.compile(
    r"\b(?:(?:in|at|to|towards?|near) the (?:very |far )?(?:back|rear)\b"
    r"(?: of the (?:scene|image|picture|photo|room|frame)\b| wall\b)?"
    r"(?! of\b|-)|(?:far )?in the (?:far )?distance\b|at the far end\b|(?:way|far) back\b(?! to\b))",
    re.IGNORECASE,
)
# Nearness to the object that the question measures from
_NEXT_TO = re.compile(
    r"\b(?:(?:right|directly|immediately) )?(?:next to|adjacent to|beside|alongside|near(?= (?:the|it)\b)"
    r"|touch(?:es|ing)(?= the\b)|lean(?:s|ing) (?:on|against))",
    re.IGNORECASE,
)
# "right next to the photographer", "a step from the camera"; but "next to the photographer's bag"
_AT_VIEWER = re.compile(
    r"\b(?:(?:right |directly |immediately )?(?:next to|beside|touching)|(?:right|directly) by"
    r"|(?:just |only )?(?:a|one) (?:small |single |short )?step (?:away )?from)"
    r" (?:the (?:camera|lens|viewer|observer|photographer)|us|me)\b(?!['’]s)",
    re.IGNORECASE,
)
_FAR_OFF = re.compile(
    r"\b(?:on the (?:other|opposite|far) side|(?:all the way )?across the \w+|at the (?:other|opposite|far) end"
    r"|several (?:met\w+|feet|steps) away|across)\b(?: of the \w+)?",
    re.IGNORECASE,
)
# The order of a list ("from left to right"), which names no relation of two objects; the reader of claims reads it.
_TOWARDS = re.compile(r" (?:to|→) (?:the )?(?:left|right|top|bot|front|back|near|clos|far|furth)")
ORDER = re.compile(
    r"\b(?:from )?(?:the )?(?:left (?:to|→) (?:the )?right|right (?:to|→) (?:the )?left|top (?:to|→) (?:the )?bottom"
    r"|bottom (?:to|→) (?:the )?top|front (?:to|→) (?:the )?back|back (?:to|→) (?:the )?front"
    r"|(?:near|clos)(?:e|er|est)? (?:to|→) (?:the )?(?:far|furth)(?:ther|thest|er|est)?"
    r"|(?:far|furth)(?:ther|thest|er|est)? (?:to|→) (?:the )?(?:near|clos)(?:e|er|est)?)\b",
    re.IGNORECASE,
)
_ENDS_IN_IS = re.compile(r" (?:is|are)(?=\s?(?:[.;!\n]|\Z))")
_COMPARATIVE = re.compile(r"\b(?:closer|closest|nearer|nearest|farther|further|farthest|furthest|more distant)\b")
_OPENS_CLAUSE = re.compile(r"(?:\A|[.;,!?\n-]|\b(?:but|and|fact|rather|so))\s*(?:the )?\Z", re.IGNORECASE)
_ITEM_ENDS = re.compile(r"[.!?](?=\s)|\n")


def without_denied_letters(text: str, options: Options) -> str:
    """Remove the letters that the text rejects: "B, since A is wrong" becomes "B, since "."""
    if not _ANY_LETTER.search(text) or not _DENYING.search(text.lower()):
        return text
    pieces: list[str] = []
    position = 0
    for match in _LETTER.finditer(text):
        letter = match[1] or match[2]
        if (
            match.start() < position
            or not (match[1] or letter.isupper())
            or LETTERS.find(letter.upper()) >= options.count
        ):
            continue
        beside = _AFTER_LETTER.match(text, match.end())
        end = match.end()
        name = options.pattern.match(text, beside.end() if beside else end) if options.pattern else None
        if name and options.names.get(squeeze(name[0])) == LETTERS.find(letter.upper()):
            end = name.end()
        another = _AND_LETTER.match(text, end)
        wrong = _CALLED_WRONG.match(text, another.end() if another else end)
        denied = _DENIED.search(text, max(position, match.start() - 40), match.start())
        if wrong or denied:
            pieces.append(text[position : denied.start() if denied else match.start()])
            position = wrong.end() if wrong else end
    return "".join((*pieces, text[position:]))


def with_letters(text: str, options: Options) -> str:
    """Replace "the second option" and "option 2" by letters, and "the former" and "the latter" by names."""

    def letter(match: re.Match[str]) -> str:
        word = (match[1] or match["is"] or match["number"]).lower()
        place = int(word[0]) if word[0].isdigit() else options.count if word == "last" else _PLACE_OF[word]
        joint = "is " if match["is"] else ""
        return f"option {joint}({LETTERS[place - 1]})" if 1 <= place <= options.count else match[0]

    def name(match: re.Match[str]) -> str:
        assert options.pattern is not None
        word = (match[1] or match[2]).lower()
        if unnamed:
            index = int(word in ("latter", "second"))
            return f"the object {next((key for key, at in options.names.items() if at == index), match[0])}"
        if match[2]:
            return match[0]
        before = options.pattern.finditer(match.string, max(0, match.start() - 300), match.start())
        named = list(dict.fromkeys(found[0] for found in before if options.names.get(squeeze(found[0]), -1) >= 0))
        # Without "the object", the name could be read as the explanation of a letter before it.
        return f"the object {named[word == 'latter']}" if len(named) == 2 else match[0]

    lower = text.lower()
    listed = "option" in lower or "choice" in lower or "answer" in lower or "statement" in lower
    if listed and _NUMBERED.search(lower):
        text = _ORDINAL.sub(letter, text)
    if options.count == 2 and ("the other" in lower or "the opposite" in lower):
        text = _with_the_other(text, options)
    if options.pattern is not None and _PLACES.search(lower):
        # Without names, "the former" is the first of two choices.
        unnamed = options.count == 2 and options.in_order and not options.pattern.search(text)
        text = _LATTER.sub(name, text)
    return text


_LIST_NUMBER = re.compile(r"^[ \t]*\d{1,2}[.)][ \t]+(?=\S)", re.MULTILINE)
# "Left - sorry, right": two sentences. "closer (it would be left for the driver)": an aside.
_CORRECTED = re.compile(
    r"(?<=\w)[ ,;:.-]{1,5}(?=(?:oops|sorry,|(?:scratch|strike) that|(?:correction|edit):|or rather (?:the|on|to)\b))",
    re.IGNORECASE,
)
# Looking for these is far faster than for the patterns.
_CORRECTIONS = re.compile("oops|sorry|scratch|strike|correction|edit:|or rather")
_REMARKS = re.compile(" but | assuming | provided |though |however| yet |unless |if i ha")
_ASIDE = re.compile(
    r"\((?=[^()\n]{12,200}\))(?=[^()]*\b(?:would|might|may|could|though|perspective|point of view"
    r"|viewpoint)\b)[^()]*\)",
    re.IGNORECASE,
)
_ASIDE_WORDS = re.compile(r"would|might|may|could|though|perspective|point of view|viewpoint")
# "Nothing is closer than the desk": the desk is the closest.
_NOTHING = re.compile(
    r"\b(?:nothing|no (?:other )?(?:object|one|thing|item))(?: else)? (?:is|lies|sits|stands|gets|appears|comes) "
    r"((?:closer|nearer|farther|further|more distant)[^.;,\n]{0,40}?) than (the )?",
    re.IGNORECASE,
)


_THE_OTHER = re.compile(
    r"((?:\A|[.;:,!?\n]|\b(?:so|therefore|thus|hence|but|leaves|leaving|choose|pick|is|be|it's))\s+)"
    r"the (?:other(?: (?:one|option|choice|object|answer|letter))?|opposite)(?=\s*(?:[.!;\n]|\Z))",
    re.IGNORECASE,
)


def _with_the_other(text: str, options: Options) -> str:
    """Replace "the other one" by the other letter, if the text before names one of two options only."""
    other = _THE_OTHER.search(text)
    if other is None:
        return text
    before = text[: other.start()]
    named = {
        LETTERS.find((found[1] or found[2]).upper())
        for found in _LETTER.finditer(before)
        if found[1] or found[2].isupper()
    }
    if options.pattern is not None:
        named |= {options.names.get(squeeze(found[0]), -1) for found in options.pattern.finditer(before)}
    if len(named) != 1 or not _DENYING.search(before.lower()) or (index := named.pop()) not in (0, 1):
        return text
    return f"{before}{other[1]}({LETTERS[1 - index]}){text[other.end() :]}"


# A remark about the certainty: "the jar, but it is hard to tell", "I'm not an expert, but the jar"
_DOUBT = re.compile(
    r"\b(?:sure|certain|certainty|uncertain|estimate|guess|tell|judge|difficult|hard|tricky|wrong|mistaken|blurry|dark|expert"
    r"|depth information|drawn|labell?ed|accurate|perspective|resolution|confident|misleading|by much|might|may|could"
    r"|if i had to|if i have to)\b"
)
_REMARK_AFTER = re.compile(
    r"(?:,\s?|\s-\s|;\s?|\s)(?:but|though|although|however|yet|unless|even though|if i ha(?:d|ve) to|assuming"
    r"|provided(?: that)?)\b[^.!?;\n]*",
    re.IGNORECASE,
)
_REMARK_BEFORE = re.compile(r"(?:(?<=[.!?\n])\s*|\A\s*)[^.!?;\n]{3,120}?,? but (?=\S)", re.IGNORECASE)
_OPEN_HEAD = re.compile(r"\b(?:might|may|could|perhaps|maybe|possibly|either|or)\b", re.IGNORECASE)


def _without_remarks(text: str, options: Options) -> str:
    def names_nothing(words: str) -> bool:
        named = options.kind != "number" and options.pattern is not None and options.pattern.search(words)
        return not (named or _ANY_LETTER.search(words) or _COMPARATIVE.search(words.lower()))

    def after(match: re.Match[str]) -> str:
        head = text[max(0, match.start() - 120) : match.start()]
        head = head[1 + max(head.rfind(sign) for sign in ".!?\n") :]
        if not _DOUBT.search(match[0].lower()) or not names_nothing(match[0]) or _OPEN_HEAD.search(head):
            return match[0]
        return "" if head.strip() else match[0]

    def before(match: re.Match[str]) -> str:
        return "" if _DOUBT.search(match[0].lower()) and names_nothing(match[0]) else match[0]

    return _REMARK_BEFORE.sub(before, _REMARK_AFTER.sub(after, text))


# "the jar (90 %)", "the jar, with high confidence"
_CERTAINTY = re.compile(
    r"(?<=\w)[\s,;.(-]{1,4}(?:with )?(?:an? |my )?(?:about |roughly |~ ?)?(?:"
    r"(?:(?:very )?high|low|medium|moderate|full|great|good|some|limited|(?:[5-9]\d|100)\s?%)"
    r" (?:confidence|confident|certainty|certain|sure|probability|likelihood)"
    r"|(?:confidence|certainty|probability|likelihood)[:=\s]{1,3}(?:is )?"
    r"(?:(?:very )?high|low|medium|moderate|(?:[5-9]\d|100)\s?%|0?\.[5-9]\d?|(?:[5-9]|10)/10)"
    r"|(?<=\()(?:[5-9]\d|100)\s?%)\)?[.!\s]*\Z",
    re.IGNORECASE,
)
_HOW_CERTAIN = re.compile("%|onfiden|ertain|robab|ikelih")


def without_certainty(text: str) -> str:
    """Remove how certain an answer is from its end."""
    return _CERTAINTY.sub("", text) if _HOW_CERTAIN.search(text) else text


# Orders and meetings: "in front of everything stands the table", "the vase comes first", "you reach the vase first"
_THING = (
    r"(?:both(?: of them)?|them both|them all|all of them|everything(?: else)?|all the others|the others?(?: two)?"
    r"|the rest)"
)
_EXTREME = re.compile(
    rf"\b(behind|beyond|in front of) {_THING} (?:is|are|stands?|sits?|lies?|comes?|hangs?|there is) (?=the |an? )",
    re.IGNORECASE,
)
_MEET = (
    r"(?:reach(?:es|ed)?|gets? to|got to|bump(?:s|ed)? into|runs? into|walks? into|hits?|touch(?:es)?|meets?|met"
    r"|comes? to|comes? across|encounters?|pass(?:es)?|arrives? at)"
)
_PLACE_IN_ORDER = re.compile(
    r"\b(?:comes|is|are|come|ranks|stands) (?:(?:the )?(first)|(?:the )?(last))\b(?! one)", re.IGNORECASE
)
_FIRST_OR_LAST = re.compile("rst|last")
_INVERTED = re.compile(r"\b(?:(first)|(last)) (?:comes|is|stands) (?=the |an? )", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _meeting(names: str) -> re.Pattern[str]:
    named = rf"(?:the |an? )?{names}"
    return re.compile(
        rf"\b{_MEET} (?P<near>{named}) (?:first\b|before (?:(?:you|we|one|i)(?:'d| would| will)?"
        rf" )?(?:{_MEET}(?:ing)? )?(?P<far>{named}))",
        re.IGNORECASE,
    )


def _in_order(text: str, options: Options) -> str:
    """Reword orders in depth as comparatives; "first" is nearest, unless the text orders from the farthest on."""
    text = _EXTREME.sub(lambda match: f"{'farthest' if match[1].lower()[0] == 'b' else 'closest'} is ", text)
    if options.pattern is not None and _MEETS.search(text):
        text = _meeting(options.pattern.pattern).sub(
            lambda match: f"{match['near']} is closer" + (f" than {match['far']}" if match["far"] else ""), text
        )
    if _FIRST_OR_LAST.search(text.lower()) and (options.axis == "near" or re.search(r"\b(?:near|clos)est\b", text)):
        text = _PLACE_IN_ORDER.sub(lambda match: f"is the {'closest' if match[1] else 'farthest'}", text)
        text = _INVERTED.sub(lambda match: f"{'closest' if match[1] else 'farthest'} is ", text)
    return text


_MEETS = re.compile(rf"\b{_MEET}", re.IGNORECASE)
_ORDERS = re.compile(r"first|last |last\.|before|behind |in front of ")


def plainer(text: str, options: Options) -> str:
    """Reword what the sentence rules don't know: "at the very back", "from left to right", "the chair is"."""
    lower = text.lower()
    if _FAR_BACK.search(lower):
        text = _BACKGROUND.sub("in the background", text)
    if _CORRECTIONS.search(lower):
        text = _CORRECTED.sub(".\n", text)
    if options.kind == "number" and len(_LIST_NUMBER.findall(text)) > 1:
        text = _LIST_NUMBER.sub("", text)
    if "(" in text and _ASIDE_WORDS.search(lower):
        text = _ASIDE.sub(" ", text)
    if options.kind == "entity" and options.pattern is not None:
        if options.axis in ("near", "far") and _ORDERS.search(lower):
            text = _in_order(text, options)
        if "nothing" in lower or "no o" in lower:
            text = _NOTHING.sub(lambda match: f"{match[1]} is {match[2] or ''}", text)
        if " but " in lower and ("n't " in lower or " not " in lower):
            text = _not_but(text, options.pattern.pattern)
    if _REMARKS.search(lower) and _DOUBT.search(lower):
        text = _without_remarks(text, options)
    if options.anchored:
        text = _FAR_OFF.sub("far away", _NEXT_TO.sub("close to", text))
    elif options.axis in ("near", "far") and (
        "next to" in lower or "beside" in lower or " by " in lower or "touching" in lower or " step " in lower
    ):
        text = _AT_VIEWER.sub("close to the camera", text)
    if _TOWARDS.search(lower):
        text = ORDER.sub(" ", text)
    if options.kind == "entity" and options.pattern is not None and _ENDS_IN_IS.search(lower):
        text = _with_ellipses(text, options.pattern)
    return text


@lru_cache(maxsize=4096)
def _not_but_patterns(names: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    named = rf"(?:the |an? )?{names}"
    ends = r"(?=\s*(?:[.!;,\n]|\Z))"
    cleft = (
        rf"\b(?:it|that)(?:'s| is| was)(?:n't| not) {named}(?P<rest> (?:that|which|who)(?: is|'s)? [^.;,\n]{{3,60}}?)"
    )
    return (
        re.compile(rf"{cleft},? but (?:rather |instead |it is |it's )?(?P<name>{named}){ends}", re.IGNORECASE),
        re.compile(
            rf"(?P<is> is| are)(?:n't| not) {named},? but (?:rather |instead )?(?P<name>{named}){ends}", re.IGNORECASE
        ),
    )


def _not_but(text: str, names: str) -> str:
    """Keep the affirmed name: "it is not X that is closer but Y" becomes "it is Y that is closer"."""
    cleft, plain = _not_but_patterns(names)
    text = cleft.sub(lambda match: f"it is {match['name']}{match['rest']}", text)
    return plain.sub(lambda match: f"{match['is']} {match['name']}", text)


def _with_ellipses(text: str, names: re.Pattern[str]) -> str:
    """Complete "X is not closer. Y is." to "Y is closer."."""
    pieces: list[str] = []
    position = 0
    for end in _ENDS_IN_IS.finditer(text):
        named = [
            name for name in names.finditer(text, max(0, end.start() - 60), end.start()) if name.end() == end.start()
        ]
        compared = list(_COMPARATIVE.finditer(text, max(0, end.start() - 200), end.start()))
        if named and compared and _OPENS_CLAUSE.search(text, max(0, named[0].start() - 20), named[0].start()):
            pieces += [text[position : end.end()], f" {compared[-1][0]}"]
            position = end.end()
    return "".join((*pieces, text[position:]))


def without_answered_questions(text: str, options: Options) -> str:
    """Keep only the answer of questions that the text answers itself: "Left? No. Right? Yes." becomes "Right."."""
    if "?" not in text or options.kind == "yes_no":
        return text
    return _ANSWERED.sub(lambda match: f"{match[1]}. " if match[2].lower() == "yes" else "", text)


def after_list(text: str, options: Options) -> str | None:
    """Return the text after a list that discusses every option under its letter; ``None`` if there is no such list."""
    if text.count(")") + text.count(". ") + text.count(":") + text.count("-") < 2:
        return None
    items = [match for match in _ITEM.finditer(text) if LETTERS.find((match[1] or match[2]).upper()) < options.count]
    if len({(match[1] or match[2]).upper() for match in items}) < max(2, options.count):
        return None
    ends = _ITEM_ENDS.search(text, items[-1].end())
    if ends is None or not text[ends.end() :].strip():  # the last item may be the answer: "(A): ... (B): ... So (A)."
        seen: set[str] = set()
        for item in items[:-1]:
            seen.add((item[1] or item[2]).upper())
            if len(seen) == options.count:
                ends = _ITEM_ENDS.search(text, item.end())
                break
    return text[ends.end() :] if ends else None
