"""Word lists for the order in which the annotation guideline decides claim types.

Speech acts by kind, what points to the future, causes and effects, teasers, judgements and rules. They come from
general knowledge of Modern Standard Arabic news and from reading errors on left-out folds of training rows.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict

from naba.arabic.normalise import NEWS, normalise
from naba.arabic.segment import light_stem
from naba.arabic.words import base

# A word of two kinds is tagged with the first.
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
