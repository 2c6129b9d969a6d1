"""Texts that say something else than before: a model of stance that never changes its mind is caught here.

There is no parser behind these: each acts on patterns that are safe in headlines and first sentences, and leaves a
text alone where it finds none.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import TYPE_CHECKING

from naba.arabic.lexicons import AXES, PLACES
from naba.arabic.normalise import NEWS, normalise
from naba.arabic.perturb import perturber
from naba.arabic.perturb.kept import WORD

if TYPE_CHECKING:
    from random import Random

# Opposites of Arabic news, in the order positive/negative; each is also found behind clitics. The poles are those of
# `naba.arabic.lexicons.AXES`, of which only the pairs are taken that fit the same sentence.
ANTONYMS = """
    ارتفع/انخفض يرتفع/ينخفض ترتفع/تنخفض ارتفعت/انخفضت ارتفاع/انخفاض مرتفع/منخفض صعد/هبط يصعد/يهبط تصعد/تهبط صعود/هبوط
    زاد/نقص يزيد/ينقص زيادة/نقص نمو/انكماش أعلى/أدنى أكثر/أقل أكبر/أصغر مكاسب/خسائر أرباح/خسائر ربح/خسارة يربح/يخسر
    تحسن/تدهور يتحسن/يتدهور قوة/ضعف إيجابي/سلبي اعتقال/إطلاق وافق/رفض يوافق/يرفض توافق/ترفض موافقة/رفض قبول/رفض
    يقبل/يرفض تقبل/ترفض أيد/عارض يؤيد/يعارض تؤيد/تعارض تأييد/معارضة مؤيد/معارض رحب/ندد يرحب/يندد ترحب/تندد ترحيب/تنديد
    أكد/نفى يؤكد/ينفي تؤكد/تنفي تأكيد/نفي صحيح/خاطئ حقيقة/كذب نجح/فشل ينجح/يفشل تنجح/تفشل نجاح/فشل فوز/خسارة فاز/خسر
    يفوز/يخسر تفوز/تخسر انتصار/هزيمة بدأ/انتهى يبدأ/ينتهي تبدأ/تنتهي بدء/انتهاء بداية/نهاية استمرار/توقف يستمر/يتوقف
    تستمر/تتوقف فتح/إغلاق يفتح/يغلق تفتح/تغلق سمح/منع يسمح/يمنع تسمح/تمنع سماح/منع دخول/خروج يدخل/يخرج وصول/مغادرة
    يصل/يغادر عودة/رحيل انضمام/انسحاب ينضم/ينسحب حياة/موت نجاة/مقتل ولادة/وفاة سلام/حرب هدنة/حرب هدوء/توتر دعم/معارضة
    يدعم/يعارض تدعم/تعارض قبل/بعد داخل/خارج كسب/فقد آمن/خطير ممكن/مستحيل قريب/بعيد سهل/صعب غني/فقير قديم/جديد
"""
_AS_NOUNS = {"رفض": "قبول"}
"""Words that are a verb in the table above, and a noun behind an article or a preposition."""
_CLITICS = r"(?:[وف])?(?:[بلك])?(?:ال|لل)?"
_NEGATIONS = {"لم": "", "لن": "س", "لا": "", "ليس": "", "ليست": "", "غير": "", "عدم": ""}
# Verbs of the imperfect that the lexicons do not name, but nearly every news text does.
_MORE_VERBS = (
    "يقول يعلن يكشف يؤكد ينفي يطالب يدعو يحذر يتهم يبحث يلتقي يزور يعقد يشارك يقتل يهاجم يستهدف يوقع يصدر يقرر "
    "يعتبر يتوقع"
)
_NUMBER = re.compile(r"(?<![A-Za-z\d.,٬٫/@#_-])\d+(?![\d/_-])")


@functools.cache
def _imperfect() -> frozenset[str]:
    lexicon = " ".join(pole for poles in AXES.values() for pole in poles)
    words = {*lexicon.split(), *_MORE_VERBS.split(), *ANTONYMS.replace("/", " ").split()}
    verbs = {word for word in words if word[0] == "ي" and len(word) >= 4}
    return frozenset(normalise(form, NEWS) for verb in verbs for form in (verb, "ت" + verb[1:]))


@functools.cache
def _perfect() -> frozenset[str]:
    """Words of the lexicons that are verbs: with ي in front they are there too (صعد beside يصعد)."""
    stems = [verb[1:] for verb in _imperfect() if verb[0] == "ي" and len(verb) == 4]
    return frozenset(form for stem in stems for form in (stem, f"{stem}ت"))


@functools.cache
def _verbal_nouns() -> frozenset[str]:
    words = normalise(" ".join(pole for poles in AXES.values() for pole in poles), NEWS).split()
    return (
        frozenset(word for word in words if re.fullmatch("ا(نت?|ر?ت|ست)?..?ا.|ت..ي.|[^يتا]..و.|ت.ا.[^يت]", word))
        - _imperfect()
    )


@perturber("changed")
def negation(text: str, random: Random) -> str:  # noqa: ARG001
    """A negation taken from the text, or put before its first verb, or else before the verbal noun it begins with."""
    words = list(WORD.finditer(text))
    for word, following in itertools.pairwise(words):
        joined = word[0][0] if word[0][0] in "وف" and word[0][1:] in _NEGATIONS else ""
        negative = word[0].removeprefix(joined)
        if negative in _NEGATIONS and text[word.end() : following.start()].isspace():
            future = _NEGATIONS[negative] if following[0][0] in "يت" else ""
            return text[: word.start()] + joined + future + text[following.start() :]
    for word in words:
        folded = normalise(word[0], NEWS)
        if folded in _imperfect():
            return f"{text[: word.start()]}لا {text[word.start() :]}"
        if folded[0] == "س" and folded[1:] in _imperfect():
            return f"{text[: word.start()]}لن {text[word.start() + 1 :]}"
        if folded in _perfect():
            return f"{text[: word.start()]}ما {text[word.start() :]}"
    if words and normalise(words[0][0], NEWS) in _verbal_nouns():
        return f"{text[: words[0].start()]}عدم {text[words[0].start() :]}"
    return text


@perturber("changed")
def number(text: str, random: Random) -> str:
    """The first number in digits, another one of as many digits."""

    def other(found: re.Match[str]) -> str:
        zero = ord(found[0][0]) - int(found[0][0])
        first = random.choice([digit for digit in range(1, 10) if digit != int(found[0][0])])
        rest = [random.randrange(10) for _ in found[0][1:]]
        return "".join(chr(zero + digit) for digit in (first, *rest))

    return _NUMBER.sub(other, text, count=1)


@functools.cache
def _names() -> dict[str, str]:
    return {normalise(word, NEWS): place for place, words in PLACES.items() for word in words.split()}


@perturber("changed")
def swapped_roles(text: str, random: Random) -> str:  # noqa: ARG001
    """Two countries, capitals or heads of state, with a verb before or between them, change places."""
    names: list[re.Match[str]] = []
    verb = False
    for word in WORD.finditer(text):
        folded = normalise(word[0], NEWS)
        verb = verb or folded in _imperfect() or folded in _perfect()
        place = _names().get(folded)
        if place and (not names or place != _names()[normalise(names[0][0], NEWS)]):
            names.append(word)
        if len(names) == 2 and verb:
            first, second = names
            between = text[first.end() : second.start()]
            return text[: first.start()] + second[0] + between + first[0] + text[second.end() :]
        if len(names) == 2:
            names.pop(0)
    return text


@functools.cache
def _antonyms() -> tuple[re.Pattern[str], dict[str, str]]:
    pairs = [pair.split("/") for pair in ANTONYMS.split()]
    # The first pair of a word holds: "رفض" is the opposite of "وافق", and of nothing else.
    table: dict[str, str] = {}
    for one, other in pairs:
        table.setdefault(one, other)
        table.setdefault(other, one)
    words = "|".join(sorted(table, key=len, reverse=True))
    return re.compile(rf"(?<![\u0621-\u064a])({_CLITICS})({words})(?![\u0621-\u064a])"), table


@perturber("changed")
def antonym(text: str, random: Random) -> str:  # noqa: ARG001
    """The first word that has an opposite in news, as the opposite (ارتفع/انخفض)."""
    pattern, table = _antonyms()

    def opposite(found: re.Match[str]) -> str:
        noun = found[1].strip("وف") and _AS_NOUNS.get(found[2])
        return found[1] + (noun or table[found[2]])

    return pattern.sub(opposite, text, count=1)
