"""Claim types in the order in which the annotation guideline decides them.

The guideline stops at the first type that fits: a question before a figure, a figure before a cause, a cause before
the future, a rule before reported speech. Single words cannot say that (`الوزير: الحكومة ستحترم المطالب` holds a
speaker and the future, and is a prediction), so sentences are read as sequences of tags: what the lexicons know of a
word, the word itself where it is a function word, else the shape of the word.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from naba.arabic.lexicons import RIVALS
from naba.arabic.normalise import NEWS, NEWS_1, normalise, normalise_all
from naba.arabic.numbers import dates, quantities
from naba.arabic.segment import light_stem
from naba.arabic.words import AXIS_NAMES, CUE_NAMES, Word, analyse, base
from naba.models.claims.features import ClaimMatrix
from naba.models.classifier import Kept, normalise_texts, text_columns
from naba.models.tfidf.vectoriser import Vectoriser, given_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from naba.arabic.normalise import Profile
    from naba.models.embeddings.features import EmbeddingFeatures

# Speech acts by kind, what points to the future, causes and effects, teasers, judgements and rules: from general
# knowledge of Modern Standard Arabic news and from reading errors on left-out folds of training rows. A word of two
# kinds is tagged with the first.
KINDS: dict[str, str] = {
    "say": (
        "قال يقول تقول قالت صرح يصرح تصرح صرحت تصريح تصريحات ذكر يذكر ذكرت أفاد أفادت يفيد أوضح يوضح توضح أضاف أشار "
        "يشير تشير لفت نوه علق يعلق تعليق تعليقا تحدث يتحدث تتحدث حديث خطاب كلمة رسالة تغريدة غرد يغرد بيان كتب يكتب "
        "يروي تروي روى يحكي تحكي شهادة أجاب يجيب برر يبرر تبرير قائلا رأى يرى ترى اعتبر يعتبر تعتبر وصف يصف تصف شبه "
        "يعتقد وفقا بحسب حسب نقلا مصدر مصادر سأل تساءل يتساءل"
    ),
    "announce": "أعلن يعلن تعلن أعلنت إعلان كشف يكشف تكشف كشفت أبلغ",
    "confirm": (
        "أكد يؤكد تؤكد أكدت تأكيد شدد يشدد تشدد جدد يجدد كرر أصر يصر تصر إصرار تمسك يتمسك أقر يقر اعترف يعترف تعترف "
        "اعتراف أثبت"
    ),
    "deny": (
        "نفى ينفي تنفي نفت نفي كذب يكذب تكذب تكذيب أنكر ينكر تنكر إنكار استبعد يستبعد تستبعد شكك يشكك تشكك تشكيك دحض "
        "يدحض"
    ),
    "accuse": "اتهم يتهم تتهم اتهام اتهامات متهما يحمل تحمل مسؤولية زعم يزعم تزعم مزاعم ادعى يدعي تدعي ادعاء",
    "condemn": (
        "أدان يدين تدين إدانة دان ندد يندد تندد تنديد شجب يشجب تشجب استنكر يستنكر تستنكر استنكار انتقد ينتقد تنتقد "
        "انتقاد انتقادات هاجم يهاجم تهاجم احتج يحتج تحتج اعترض يعترض تعترض اعتراض استهجن سخر يسخر تسخر سخرية استياء "
        "يستغرب عبر عبرت أعرب يعرب أعربت"
    ),
    "complain": "شكوى شكاوى يشكو تشكو اشتكى مناشدة مناشدات عريضة يوجه وجه موقف",
    "urge": (
        "دعا يدعو تدعو دعت دعوة دعوات طالب يطالب تطالب طالبت مطالبة مطالبات مطالب ناشد يناشد تناشد حث يحث تحث نصح ينصح "
        "تنصح أوصى يوصي توصي اقترح يقترح تقترح اقتراح مقترح أمر يأمر نداء طلب يطلب تطلب"
    ),
    "praise": (
        "أشاد يشيد تشيد إشادة رحب يرحب ترحب ترحيب هنأ يهنئ تهنئ تهنئة شكر يشكر تشكر عزى امتدح يمتدح مدح يثني أثنى ثناء "
        "بارك يبارك أيد يؤيد تؤيد تأييد اعتذر يعتذر تعتذر اعتذار فخر فخور دافع يدافع"
    ),
    "reject": "رفض يرفض ترفض رفضت رافضا وافق يوافق توافق يقبل تقبل اشترط يشترط تشترط",
    "warn": "حذر يحذر تحذر حذرت تحذير تحذيرات محذرا أنذر ينذر تنذر إنذار",
    "threat": "هدد يهدد تهدد هددت تهديد توعد يتوعد تتوعد وعيد لوح يلوح تلوح تلويح",
    "promise": "وعد يعد تعهد يتعهد تتعهد وعود تعهدات التزم يلتزم تلتزم",
    "hope": "تمنى يتمنى تتمنى أمل يأمل تأمل آمال طمأن يطمئن",
    "forecast": (
        "توقع يتوقع تتوقع توقعات متوقع رجح يرجح ترجح مرجح تنبأ يتنبأ ترقب يترقب تترقب مرتقب ينتظر تنتظر منتظر منتظرة "
        "وشيك"
    ),
    "plan": (
        "اعتزم يعتزم تعتزم عزم عازم عازمة نوى ينوي تنوي نية يخطط تخطط نخطط خطة خطط استعد يستعد تستعد استعداد استعدادات "
        "يسعى تسعى يهدف تهدف طموح يتجه تتجه متجه متجهة مقرر المزمع مزمع وشك يقترب تقترب اقتراب يدرس تدرس قريبا مقبل "
        "المقبل المقبلة القادم القادمة غدا مستقبل بحلول"
    ),
    "effect": (
        "أدى يؤدي تؤدي أدت يتسبب تتسبب تسبب دفع يدفع تدفع أجبر يجبر تجبر أثار يثير تثير أشعل يشعل تشعل أطاح يطيح تطيح "
        "هز يهز تهز يهزان شل يشل تشل أنعش ينعش تنعش أضعف يضعف تضعف يعزز تعزز يدعم تدعم يربك تربك يفاقم تفاقم يعرقل "
        "تعرقل يحرم تحرم يمكن تمكن يساعد تساعد يساهم تساهم يسهم يضر تضر يؤذي تؤذي يستنزف تستنزف يكلف تكلف يفقد تفقد "
        "ينقذ تنقذ يبعد تبعد يغرق تغرق يؤجج تؤجج يغذي تغذي يؤثر تؤثر يتأثر تتأثر ينعكس يستفيد تستفيد يضغط تضغط يقلص "
        "تقلص يخنق تخنق يلهب تلهب يرعب ترعب يقوض تقوض يحطم يطيل يسرع"
    ),
    "because": (
        "بسبب سبب السبب أسباب نتيجة جراء إثر بفضل بفعل لأن بدافع وراء تداعيات بدعم مدعوم مدعوما متأثرا متأثرة مما ضحية"
    ),
    "teaser": (
        "سطور محطات وقفات لمحة حكاية حكايات قصة قصص شرح فيديوجرافيك فيديوغرافيك إنفوغرافيك إنفوجرافيك رحلتي تفاصيل "
        "موعد نبذة تعرف شاهد فيديو بالفيديو صور بالصور أبرز أهم أسرار كواليس سيرة دليل ملف تقرير تحليل مقابلة حوار "
        "حوارات أسباب حقائق معلومات طرق نصائح"
    ),
    "opine": (
        "يجب ينبغي لابد ضرورة ضروري ضرورية مؤسف للأسف بالطبع حقا فعلا تماما أبدا مجرد بوضوح طبيعي غريب عجيب الأسوأ "
        "الأفضل جدا للغاية رائع رائعة كأن الحقيقة الواقع طبعا نأمل نريد علينا إننا لنا يبدو لعل أسوأ أفضل أروع أجمل "
        "مخجل معيب عار وهم خرافة عبث سخيف تافه حقيقي أخلاقي ضمير كرامة"
    ),
    "legal": (
        "قانون القانون قوانين دستور الدستور دستوري اتفاقية معاهدة ينص تنص نص نصت مادة المادة بند يحظر تحظر حظر يسمح "
        "تسمح يلزم تلزم ملزم إلزامي يجيز تجيز بموجب لائحة لوائح مرسوم تشريع تشريعات يحق ممنوع محظور غرامة عقوبة عقوبات "
        "يعاقب شروط شرط ترخيص ضوابط"
    ),
}

_FUTURE = re.compile(r"[وف]?س[يتن]\w{3,}")
# Nouns and names that begin as verbs of the future do.
_NO_FUTURE = re.compile(
    "[وف]?(?:(?:سياس|سيار|سينم|سينا|سيول|سيوف|سيان|سيرال|ستان|ستيف|ستار|ستاد|ستوك|ستري|سنوا|سنوي|ستراتيج|سيره|سيام|سيمو"
    "|سيمنز|سيتي|سيلفي|سيكو|ستين|سنغاف|سنجار|سندات|سنوده|سترا|ستره)|سيد(?:ه|ات|ها|هم|نا)?$|سيطر(?:ه|ت|وا|ته|تها)?$)"
)
_SHORTEST_STEM = 3


def future_verb(word: str) -> bool:
    """Has the word, in `news` normalisation, the form of a verb with the future prefix?

    >>> future_verb("سيفعل"), future_verb("سياسي")
    (True, False)
    """
    return bool(_FUTURE.fullmatch(word)) and not _NO_FUTURE.match(word)


@functools.lru_cache(maxsize=200_000)
def kinds_of(word: str) -> tuple[str, ...]:
    """The kinds of `KINDS` that a word in `news` normalisation is of: by its form, else by its stem.

    >>> kinds_of("وتستنكر"), kinds_of("كتاب")
    (('condemn',), ())
    """
    forms, stems = _tables()
    for form in (word, word[1:] if word[:1] in ("و", "ف") and len(word) > _SHORTEST_STEM else word):
        if form in forms:
            return forms[form]
    for stem in (light_stem(word), base(word)):
        if len(stem) >= _SHORTEST_STEM and stem in stems:
            return stems[stem]
    return ()


def _inflected(word: str) -> list[str]:
    """The word, and the other persons that headlines use it in where it looks like a verb of the third person."""
    if word[0] == "ي" and len(word) > _SHORTEST_STEM:
        return [word, "ت" + word[1:], "ن" + word[1:], word + "ون", word + "ان"]
    if word[-1] == "ى":
        return [word, word[:-1] + "ت"]
    if word[0] not in "يتم" and 3 <= len(word) <= 6 and word[-1] not in "ةىاتن" and not word.startswith("ال"):
        return [word, word + "ت", word + "وا", word + "تا"]
    return [word]


@functools.cache
def _tables() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    forms: dict[str, dict[str, None]] = defaultdict(dict)
    stems: dict[str, dict[str, None]] = defaultdict(dict)
    for kind, words in KINDS.items():
        for word in words.split():
            for form in _inflected(word):
                normalised = normalise(form, NEWS)
                forms[normalised][kind] = None
                stems[light_stem(normalised)][kind] = None
    return {form: tuple(kinds) for form, kinds in forms.items()}, {stem: tuple(kinds) for stem, kinds in stems.items()}


Words = list[str]

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|\.\.+|…|[^\w\s]")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MARKS = {**dict.fromkeys("؟?", "Q"), ":": "COLON", "%": "U_percent", **dict.fromkeys('«»“”"', "QUOTE"), "…": "DOTS"}
_ARTICLES = (("وال", "WAL"), ("بال", "BAL"), ("لل", "LAL"), ("كال", "KAL"), ("ال", "AL"))
_ENDINGS = (
    ("ات", "PL"), ("ين", "PLM"), ("ون", "PLM"), ("ان", "PLM"), ("ت", "PASTF"), ("يه", "NISF"), ("ه", "FEM"),
    ("ي", "NIS"), ("ا", "ACC"),
)  # fmt: skip
_LEXICAL = {"measurable": "MEAS", "violence": "VIOL", "direction+": "DIR+", "direction-": "DIR-", "teaser": "TEASE",
            "evaluation": "EVAL", "rule": "RULE", "comparison": "COMP"}  # fmt: skip
_SPEECH = tuple(KINDS)[: tuple(KINDS).index("plan")]
_COLON_PLACE = 6  # a colon after more tokens does not name a speaker
_LONGEST_PATTERN = 12
_SHAPES = ("AL", "W", "P", "IMP", "A", "M")
_MINIMUM_COUNT = 3

_SAYING = ("say", "announce", "confirm", "deny", "accuse", "condemn", "complain", "urge", "praise", "reject")
_GROUPS = {
    **dict.fromkeys(_SAYING, "SAY"), "forecast": "FUTURE", "plan": "FUTURE", "promise": "PROMISE", "threat": "THREAT",
    "warn": "WARN", "hope": "HOPE", "effect": "EFFECT", "because": "BECAUSE", "teaser": "TEASE", "opine": "OPINE",
    "legal": "LEGAL",
}  # fmt: skip
_KEPT = frozenset(
    (*_MARKS.values(), "EVAL", "COMP", "U_percent", "U_money", "هل", "ما", "ماذا", "كيف", "لماذا", "متى", "من",
     "هو", "هي", "هذا", "هذه", "لا", "لم", "لن", "كان", "بعد", "منذ")
) - {"COLON"}  # fmt: skip
_QUESTIONS = frozenset({"هل", "ماذا", "كيف", "لماذا", "متى", "TEASE"})


def shape(word: str) -> str:
    """What the letters of a word in `news` normalisation say of its form: article, verb prefix, pattern, ending."""
    for prefix, name in _ARTICLES:
        if word.startswith(prefix) and len(word) > len(prefix) + 1:
            return name + ("PL" if word[-2:] in ("ات", "ون", "ين") else "Y" if word.endswith(("ي", "يه")) else "")
    if len(word) >= 4:
        initial = _initial_shape(word)
        if initial:
            return initial
    for ending, name in _ENDINGS:
        if word.endswith(ending) and (ending != "ت" or len(word) > 3):
            return name
    if word[0] in "بل" and len(word) > 3:
        return "PREP"
    return "LAT" if word[0].isascii() else f"W{min(len(word), 5)}"


def _initial_shape(word: str) -> str:
    if word[0] == "ي":
        return "IMPY"
    if word[0] == "ت":
        return "TAFIL" if len(word) in (5, 6) and word[-2] == "ي" else "IMPT"
    if word[0] == "ن":
        return "N"
    if word[0] == "ا":
        return "MASDAR" if 5 <= len(word) <= 7 and word[-2] == "ا" else "A"
    if word[0] == "م":
        return "MH" if word[-1] == "ه" else "M"
    return ""


@functools.lru_cache(maxsize=200_000)
def tag(token: str) -> tuple[str, tuple[str, ...]]:
    """(tag, kinds) of a token in `news` normalisation; the kinds are those of `KINDS`."""
    if not token[0].isalnum():
        return _MARKS.get(token, "DOTS" if token.startswith("..") else "P"), ()
    number = _number_tag(token)
    if number:
        return number, ()
    if token in ("قد", "وقد"):
        return "QAD", ()
    if future_verb(token):
        return "FUT", ("future",)
    known, kinds = analyse(token), kinds_of(token)
    return (token if known.stop else _word_tag(token, known, kinds)), kinds


def _number_tag(token: str) -> str:
    if token[0].isdigit():
        return "YEAR" if _YEAR.fullmatch(token) else "NUM"
    if quantities([token]):
        return "NUMW"
    unit = quantities(["1", token])[0].unit
    return f"U_{unit}" if unit else "DATE" if dates([token]) else ""


def _word_tag(token: str, known: Word, kinds: tuple[str, ...]) -> str:
    cues = {cue for at, cue in enumerate(CUE_NAMES) if known.cues >> at & 1}
    axes = [f"{axis}{sign}" for sign, poles in (("+", known.first_pole), ("-", known.second_pole))
            for at, axis in enumerate(AXIS_NAMES) if poles >> at & 1]  # fmt: skip
    found = next((name for cue, name in _LEXICAL.items() if cue in cues or cue in axes), "")
    verb = "V" if token[0] in "يت" and len(token) >= 4 else ""
    if kinds:
        name = kinds[0] + verb
    elif found:
        name = found + (verb if found in ("VIOL", "DIR+", "DIR-", "RULE") else "")
    elif known.places:
        return "PLACE"
    elif known.kinds:
        name = "K_" + next(kind for at, kind in enumerate(RIVALS) if known.kinds >> at & 1)
    elif axes:
        name = f"AX_{axes[0]}{verb}"
    else:
        return shape(token)
    # A preposition written on to a noun often names the cause: يتراجع بضغط الدولار.
    return "BY_" + name if token[0] in "بل" and len(token) > 4 and not token.startswith(("لل", "بال")) else name


def read(text: str) -> tuple[Words, Words, Words]:
    """A sentence in `news` normalisation as three lists of features: `tags`, `said`, `order`.

    `tags`: sequences of one to four tags. `said`: tags and stems behind a reporting verb or a speaker's colon, and
    pairs of tags in order. `order`: what the guideline asks for (a question, a figure, a cause, …), alone, in pairs
    and in sequence, and the first of its questions that is answered by yes.
    """
    tokens = _TOKEN.findall(text)
    tagged = [tag(token) for token in tokens]
    tags = ["^", *(name for name, _ in tagged), "$"]
    grams = ["_".join(tags[at : at + size]) for size in range(1, 5) for at in range(len(tags) - size + 1)]
    return grams, _said(tokens, tagged), _order(tagged)


def _said(tokens: Words, tagged: list[tuple[str, tuple[str, ...]]]) -> Words:
    found, said = [], False
    for place, (token, (name, kinds)) in enumerate(zip(tokens, tagged, strict=True)):
        if said and name not in ("P", "QUOTE"):
            found += [f"said={name}", f"said={light_stem(token)}"]
        said = said or (name == "COLON" and place <= _COLON_PLACE) or bool(kinds and kinds[0] in _SPEECH)
    kept = [name for name, _ in tagged if name in ("MEAS", "PLACE") or not name.startswith(_SHAPES)]
    return found + [f"{first}<{second}" for first, second in itertools.combinations(kept[:_LONGEST_PATTERN], 2)]


def _order(tagged: list[tuple[str, tuple[str, ...]]]) -> Words:
    groups = [_group(tagged, at) for at in range(len(tagged))]
    present = [group for group in groups if group]
    sequence = [group for group, _ in itertools.groupby(present)]
    alone = sorted(set(sequence))
    pairs = [f"{a}&{b}" for a, b in itertools.combinations([group for group in alone if group != "WHO"], 2)]
    runs = ["_".join(sequence[at : at + size]) for size in (2, 3) for at in range(len(sequence) - size + 1)]
    first = groups[0] if groups else ""
    found = [*alone, *pairs, *(f"seq={run}" for run in runs), f"first={first}", f"rank={_rank(set(alone), first)}"]
    return found if set(alone) - {"WHO"} else [*found, "nothing"]


def _group(tagged: list[tuple[str, tuple[str, ...]]], at: int) -> str:
    name, kinds = tagged[at]
    plain = name.removeprefix("BY_")
    following = tagged[at + 1][0] if at + 1 < len(tagged) else ""
    if name == "FUT" or (name == "QAD" and (following.endswith("V") or following.startswith(("IMP", "TAF")))):
        return "FUTURE"
    group = next((_GROUPS[kind] for kind in kinds if kind in _GROUPS), "")
    if group:
        return group
    if plain == "MEAS" or plain.startswith("DIR") or name in _KEPT:
        return name
    for start, coarse in (("VIOL", "VIOL"), ("NUM", "NUM"), ("RULE", "RULE")):
        if plain.startswith(start):
            return coarse
    if name == "COLON":
        return name if at <= _COLON_PLACE else ""
    return "WHO" if name == "PLACE" or name.startswith("K_office") else ""


def _rank(groups: set[str], first: str) -> str:
    """The first of the guideline's questions that the sentence seems to answer by yes."""
    moves = any(group.removeprefix("BY_").startswith("DIR") for group in groups)
    for name, fits in (
        ("no_claim", "Q" in groups or first in _QUESTIONS),
        ("quantity", moves and not groups.isdisjoint({"MEAS", "NUM", "U_percent", "U_money"})),
        ("causal", not groups.isdisjoint({"BECAUSE", "EFFECT"})),
        ("prediction", not groups.isdisjoint({"FUTURE", "PROMISE", "THREAT", "WARN"})),
        ("rule", not groups.isdisjoint({"RULE", "LEGAL"})),
        ("statement", not groups.isdisjoint({"SAY", "COLON"})),
    ):
        if fits:
            return name
    return "none"


class GuidelineMatrix(Kept, TransformerMixin, BaseEstimator):
    """Table with `text` -> sparse (n, m): a `ClaimMatrix`, then TF-IDF of the three lists of `read`, then embeddings.

    Args:
        normalisation: applied first; the lexicons fold further by themselves (the `news` profile).
        weight, characters_to: see `ClaimMatrix`.
        order_weight: what the `order` features are multiplied by.
        embeddings: of the text; None for none.
        embedding_weight: what the standardised embeddings are multiplied by.
    """

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {StandardScaler: ()}
    embeddings: EmbeddingFeatures | None = None
    embedding_weight: float = 0.05
    """Folders of earlier versions say neither."""
    features_version: ClassVar[int | None] = 2
    beyond_onnx: ClassVar[str] = "its claim cues and tags (lexicons, numbers in words, forms of verbs)"

    def __init__(
        self,
        *,
        normalisation: Profile | None = None,
        weight: float = 0.05,
        order_weight: float = 0.7,
        characters_to: int = 4,
        embeddings: EmbeddingFeatures | None = None,
        embedding_weight: float = 0.05,
    ) -> None:
        self.normalisation = normalisation
        self.weight = weight
        self.order_weight = order_weight
        self.characters_to = characters_to
        self.embeddings = embeddings
        self.embedding_weight = embedding_weight

    def fit(self, X: pd.DataFrame, y: Any = None) -> GuidelineMatrix:  # noqa: ARG002
        """Fits the vocabularies and the scale; labels are not used."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Any = None, **_: Any) -> sparse.csr_matrix:  # noqa: ARG002
        """`fit`, then `transform` of the same table, which is read once."""
        self.claims_ = ClaimMatrix(
            normalisation=self.normalisation, weight=self.weight, characters_to=self.characters_to
        )
        claims, lists = self.claims_.fit_transform(X), self._read(X)
        # The extra sentences keep a vocabulary from being empty.
        self.tags_, self.said_, self.order_ = (
            Vectoriser(analyzer=given_words, sublinear_tf=True, min_df=_MINIMUM_COUNT).fit([*words, *[["none"]] * 3])
            for words in lists
        )
        return self._assemble(claims, lists, self._fit_embedded(X))

    def transform(self, X: pd.DataFrame) -> sparse.csr_matrix:
        """The matrix: (n, m) float64."""
        check_is_fitted(self)
        embedded = None if self.embeddings is None else self.embeddings_.transform(X)
        return self._assemble(self.claims_.transform(X), self._read(X), embedded)

    def _fit_embedded(self, X: pd.DataFrame) -> np.ndarray | None:
        if self.embeddings is None:
            return None
        self.embeddings_ = clone(self.embeddings).fit(X)
        embedded = self.embeddings_.transform(X)
        self.embedding_scaler_ = StandardScaler().fit(embedded)
        return embedded

    def _assemble(
        self, claims: sparse.csr_matrix, lists: tuple[list[Words], ...], embedded: np.ndarray | None
    ) -> sparse.csr_matrix:
        tags, said, order = lists
        blocks = [self.tags_.transform(tags), self.said_.transform(said)]
        blocks.append(self.order_.transform(order) * self.order_weight)
        if embedded is not None:
            blocks.append(sparse.csr_matrix(self.embedding_scaler_.transform(embedded) * self.embedding_weight))
        return sparse.hstack([claims, *blocks], format="csr", dtype=np.float64)

    def _read(self, X: pd.DataFrame) -> tuple[list[Words], list[Words], list[Words]]:
        texts = normalise_all(normalise_texts(text_columns(X)[0], self.normalisation), NEWS_1)
        tags, said, order = [list(part) for part in zip(*map(read, texts), strict=True)] or ([], [], [])
        return tags, said, order

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002
        """The names of the columns."""
        check_is_fitted(self)
        blocks = (("tags", self.tags_), ("said", self.said_), ("order", self.order_))
        ours = [f"{block}:{name}" for block, words in blocks for name in words.get_feature_names_out()]
        more = [] if self.embeddings is None else [self.embeddings_.get_feature_names_out()]
        return np.concatenate([self.claims_.get_feature_names_out(), np.array(ours, dtype=object), *more])
