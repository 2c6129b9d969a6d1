"""Who says what, rule by rule, on made-up sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naba.analysis.attribution import Report, reports
from naba.analysis.lexicon import fold, forms, group, read
from naba.arabic.segment import Span, sentences

ARTICLE = Path(__file__).parents[2] / "data" / "article"


def said(text: str) -> list[tuple[str, str | None, str, str]]:
    """(cue, source, content, kind) of each report."""
    return [
        (report.cue.of(text), report.source.of(text) if report.source else None, report.content.of(text), report.kind)
        for report in reports(text)
    ]


def one(text: str) -> tuple[str, str | None, str, str]:
    found = said(text)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("text", "cue", "source", "content"),
    [
        # verb, subject, clause
        ("قال الوزير إن العمل جار.", "قال", "الوزير", "العمل جار"),
        ("وأكّدت وزارة الصحة أن الوضع مستقر.", "أكّدت", "وزارة الصحة", "الوضع مستقر"),
        ("وأشار مدير المركز إلى أن النتائج جيدة.", "أشار", "مدير المركز", "النتائج جيدة"),
        ("وافاد مسؤول محلي بأن الطريق مغلق.", "افاد", "مسؤول محلي", "الطريق مغلق"),
        ("قال الوزير إنه سيسافر غدا.", "قال", "الوزير", "إنه سيسافر غدا"),
        # titles, appositions, relative clauses
        (
            "وأوضح وكيل الوزارة الدكتور سالم الحربي أن العمل بدأ.",
            "أوضح",
            "وكيل الوزارة الدكتور سالم الحربي",
            "العمل بدأ",
        ),
        ("قال سعيد علي، مدرب الفريق، إن المباراة صعبة.", "قال", "سعيد علي، مدرب الفريق", "المباراة صعبة"),
        (
            "قال اللاعب الذي اعتزل في العام الماضي إن النادي قوي.",
            "قال",
            "اللاعب الذي اعتزل في العام الماضي",
            "النادي قوي",
        ),
        # time, occasion and hearers are no part of the source
        ("وقال الوزير أمس إن العمل جار.", "قال", "الوزير", "العمل جار"),
        ("وقالت الشركة في بيان إن الأرباح ارتفعت.", "قالت", "الشركة", "الأرباح ارتفعت"),
        ("وقال المدير للصحفيين إن العمل جار.", "قال", "المدير", "العمل جار"),
        ("وقال مسؤول لوكالة الأنباء إن العمل جار.", "قال", "مسؤول", "العمل جار"),
        # noun phrases as content
        ("نفت وزارة الداخلية الأنباء عن إغلاق الحدود.", "نفت", "وزارة الداخلية", "الأنباء عن إغلاق الحدود"),
        ("وحذر المكتب من عدم استقرار الطقس.", "حذر", "المكتب", "عدم استقرار الطقس"),
        ("وشدد الرئيس على ضرورة أن يكون الحل سياسيا.", "شدد", "الرئيس", "ضرورة أن يكون الحل سياسيا"),
        ("وأعلن اللاعب اعتزاله كرة القدم.", "أعلن", "اللاعب", "اعتزاله كرة القدم"),
        ("وأكدت الوزارة استمرار العمل في المشروع.", "أكدت", "الوزارة", "استمرار العمل في المشروع"),
        ("واتهمت الجماعة جبهة النصرة بخطف زعيمها.", "اتهمت", "الجماعة", "جبهة النصرة بخطف زعيمها"),
        # the subject first
        ("لكن المتحدث باسم الحاكم قال إن العدد أكبر.", "قال", "المتحدث باسم الحاكم", "العدد أكبر"),
        ("الوزير أكد أن العمل جار.", "أكد", "الوزير", "العمل جار"),
        # relative clauses
        ("تعرض لانتقادات من سالم الحربي الذي قال إن الفريق ضعيف.", "قال", "سالم الحربي", "الفريق ضعيف"),
        ("قتل ثلاثة في هجوم تبنته حركة طالبان.", "تبنته", "حركة طالبان", "هجوم"),
        # closing and opening sources
        ("وقعت الاشتباكات قرب الحدود، بحسب وكالة الأناضول.", "بحسب", "وكالة الأناضول", "وقعت الاشتباكات قرب الحدود"),
        ("قتل شخصان في الحادث، حسبما أعلن مسؤولون اليوم.", "أعلن", "مسؤولون", "قتل شخصان في الحادث"),
        ("شهدت المدينة معارك عنيفة، بحسب ما أفاد مراسلنا.", "أفاد", "مراسلنا", "شهدت المدينة معارك عنيفة"),
        ("ارتفعت الأسعار هذا العام، وفقا لتقرير البنك.", "وفقا", "تقرير البنك", "ارتفعت الأسعار هذا العام"),
        ("ووفقا لبيان الجيش فإن الغارات مستمرة.", "وفقا", "بيان الجيش", "الغارات مستمرة"),
        ("نقلت الوكالة عن مصادر أن القرار وشيك.", "نقلت", "مصادر", "القرار وشيك"),
        ("تعطلت الرحلات في المطار، على ما أفاد شهود عيان.", "أفاد", "شهود عيان", "تعطلت الرحلات في المطار"),
        ("ومن المرجح، وفق مراقبين، أن تتراجع الأسعار قريبا.", "وفق", "مراقبين", "تتراجع الأسعار قريبا"),
        # a document speaks
        ("وجاء في بيان الخارجية أن المفاوضات مستمرة.", "جاء", "بيان الخارجية", "المفاوضات مستمرة"),
        # the subject that أما puts first
        ("أما نقيب الصيادين فيرى أن الحكومة مسؤولة.", "يرى", "نقيب الصيادين", "الحكومة مسؤولة"),
        # who will not be named, and who will not comment
        ("ورأى دبلوماسي غربي، طلب عدم ذكر اسمه، أن الحل قريب.", "رأى", "دبلوماسي غربي، طلب عدم ذكر اسمه", "الحل قريب"),
        ("وقالت الوكالة إن الصفقة وشيكة، لكن البيت الأبيض رفض التعليق.", "قالت", "الوكالة", "الصفقة وشيكة"),
        ("وأفاد مصدر بأن المدير استقال، في حين امتنعت الإدارة عن التعليق.", "أفاد", "مصدر", "المدير استقال"),
        # verbal nouns
        ("استمرت تحذيرات مكتب الأرصاد من عدم استقرار الطقس.", "تحذيرات", "مكتب الأرصاد", "عدم استقرار الطقس"),
    ],
)
def test_indirect_speech(text: str, cue: str, source: str, content: str) -> None:
    assert one(text) == (cue, source, content, "indirect")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("قال الوزير: «لن نتوقف عن العمل».", ("قال", "الوزير", "«لن نتوقف عن العمل»", "direct")),
        (
            'وقال اللاعب "حصلت على الفرصة. سأواصل العمل."',
            ("قال", "اللاعب", '"حصلت على الفرصة. سأواصل العمل."', "direct"),
        ),
        ("وقال المدرب: نملك فريقا قويا..", ("قال", "المدرب", "نملك فريقا قويا", "direct")),
        ("«لن نتوقف عن العمل»، هكذا لخص الوزير.", ("لخص", "الوزير", "«لن نتوقف عن العمل»", "direct")),
        ("«لن نتوقف عن العمل»، بهذه الكلمات رد الوزير.", ("رد", "الوزير", "«لن نتوقف عن العمل»", "direct")),
        ("واعتبر المدرب أن الحكم «لم يكن موفقا».", ("اعتبر", "المدرب", "الحكم «لم يكن موفقا»", "mixed")),
        ("وقالت الوزارة إن «الحادث وقع صباح أمس».", ("قالت", "الوزارة", "«الحادث وقع صباح أمس»", "direct")),
        ("«لن نتوقف عن العمل»، قال الوزير.", ("قال", "الوزير", "«لن نتوقف عن العمل»", "direct")),
        ("قال المتحدث «سطر أول من الكلام.\nوسطر ثان».", ("قال", "المتحدث", "«سطر أول من الكلام.\nوسطر ثان»", "direct")),
        (
            "قال الوزير إن البلاد لن تصبح «ملاذا آمنا» لهم.",
            ("قال", "الوزير", "البلاد لن تصبح «ملاذا آمنا» لهم", "mixed"),
        ),
        ("وقال المدير إن نظام «دعم» يعمل.", ("قال", "المدير", "نظام «دعم» يعمل", "indirect")),
        ("وذكرت «شينخوا» أن الإعصار اقترب.", ("ذكرت", "«شينخوا»", "الإعصار اقترب", "indirect")),
        (
            "وقالت صحيفة «الشرق الأوسط الدولية» إن القمة أجلت.",
            ("قالت", "صحيفة «الشرق الأوسط الدولية»", "القمة أجلت", "indirect"),
        ),
        ("وأضافت الوزارة أن: قرار التسليم نهائي.", ("أضافت", "الوزارة", "قرار التسليم نهائي", "indirect")),
        ("وقال المدير إن التجمهر يضر على حد وصفه.", ("قال", "المدير", "التجمهر يضر", "indirect")),
    ],
)
def test_kinds(text: str, expected: tuple[str, str, str, str]) -> None:
    assert one(text) == expected


def test_a_discontinuous_quotation_gives_one_report_a_part() -> None:
    text = "«لن نتوقف عن العمل»، قال الوزير، «وسنواصل ما بدأناه»."
    assert said(text) == [
        ("قال", "الوزير", "«لن نتوقف عن العمل»", "direct"),
        ("قال", "الوزير", "«وسنواصل ما بدأناه»", "direct"),
    ]


def test_coordinated_reports_and_participles_share_the_speaker_and_part_the_contents() -> None:
    text = "صرح المدير أن النظام جديد، وبين أن العمل أسرع، مشيراً إلى أن الكلفة أقل."
    assert said(text) == [
        ("صرح", "المدير", "النظام جديد", "indirect"),
        ("بين", "المدير", "العمل أسرع", "indirect"),
        ("مشيراً", "المدير", "الكلفة أقل", "indirect"),
    ]


def test_the_subject_of_the_first_verb_speaks_through_a_participle() -> None:
    assert one("أجرى وزير التعليم، مساء أمس، اتصالا بذويه، متمنيا لهم الصبر.")[:2] == ("متمنيا", "وزير التعليم")


def test_nested_reports() -> None:
    assert said("قال المرصد إن طائرات قالت مصادر في المعارضة إنها أجنبية قصفت المدينة.") == [
        ("قال", "المرصد", "طائرات قالت مصادر في المعارضة إنها أجنبية قصفت المدينة", "indirect"),
        ("قالت", "مصادر في المعارضة", "إنها أجنبية قصفت المدينة", "indirect"),
    ]
    quoted = said('وأضاف اللاعب "يقول الناس دوما إنني قصير القامة."')
    assert ("يقول", "الناس", "إنني قصير القامة", "indirect") in quoted


def test_a_new_speaker_after_a_conjunction_ends_what_was_said() -> None:
    assert said("قالت الوزارة إن القتلى مدنيون، لكن المتحدث باسم الحاكم قال إن العدد أكبر.") == [
        ("قالت", "الوزارة", "القتلى مدنيون", "indirect"),
        ("قال", "المتحدث باسم الحاكم", "العدد أكبر", "indirect"),
    ]


def antecedents(text: str) -> list[str | None]:
    return [report.antecedent.of(text) if report.antecedent else None for report in reports(text)]


def test_the_speaker_is_carried_on_as_antecedent_in_the_fullest_form() -> None:
    text = "قال وزير التعليم الدكتور سالم الحربي إن العمل جار. وقال الحربي إنه قريب. وأضاف أن الكلفة أقل."
    assert antecedents(text) == [None, None, "وزير التعليم الدكتور سالم الحربي"]


def test_gender_chooses_between_speakers() -> None:
    text = "قالت وزارة الدفاع إن العملية انتهت. وقال السفير إنه متفائل. وأضافت أن القوات عادت."
    assert antecedents(text)[-1] == "وزارة الدفاع"


def test_a_bare_surname_is_found_with_its_first_name() -> None:
    text = "لعب دالي بليند جيدا. وقال بليند إنه سعيد. وأضاف أنه سيبقى."
    assert antecedents(text) == [None, "دالي بليند"]


@pytest.mark.parametrize("text", ["يُعتقد أن القوات تتدرب.", "تردد أن المدرب سيرحل.", "ويعتقد أنها قريبة."])
def test_nobody_speaks_in_the_impersonal(text: str) -> None:
    (report,) = reports(f"قال الوزير كلمة. {text}")
    assert report.source is None
    assert report.antecedent is None


@pytest.mark.parametrize(
    "text",
    [
        "يذكر أن البرنامج انطلق أخيرا.",
        "تجدر الإشارة إلى أن النظام جديد.",
        "ويبدو أن الفريق سيفوز.",
        "لم يقل أحد إن اللاعب سيرحل.",
        "وزعت الجوائز وفقا لفئات البلديات.",
        "أوضح ذلك الناطق الرسمي باسم الصحة.",
        "يريد الرئيس أن يعلن استقالته غدا.",
        "جرت المفاوضات بين الوزير والسفير قبل أن تنتهي.",
        "فاز الفريق بهدف دون رد.",
        "",
        "nothing Arabic said: “here”.",
    ],
)
def test_what_is_no_report(text: str) -> None:
    assert reports(text) == []


def test_the_cues_of_the_labelled_article() -> None:
    text = (ARTICLE / "article.txt").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in (ARTICLE / "sentences.jsonl").read_text(encoding="utf-8").splitlines()]
    cues = {Span(row["cue"]["start"], row["cue"]["end"]) for row in rows if row["cue"]}
    assert cues <= {report.cue for report in reports(text)}


WORDS = st.sampled_from(
    [
        *(ARTICLE / "article.txt").read_text(encoding="utf-8")[1350:2300].split(),
        *("«", "»", "“", "”", '"', "(", ")", "،", ":", ".", "…", "-", "ـ", "\n", "\u202b", "\u200f", "\u2066", "\x00"),
        *(
            "قال",
            "وأضاف",
            "إن",
            "أن",
            "بأن",
            "أنه",
            "قلت",
            "ما",
            "كما",
            "عن",
            "قوله",
            "حسبما",
            "الذي.قال",
            "لكن،",
            "12:30",
        ),
        *(
            "مشيرا",
            "بحسب",
            "وفقا",
            "لـ",
            "لتقرير",
            "نقلت",
            "وصفه",
            "بـ",
            "على",
            "حد",
            "يعتقد",
            "تحذيرات",
            "مخاوف",
            "تبنته",
        ),
    ]
)


def check(text: str, found: list[Report]) -> None:
    bounds = set(sentences(text))
    for report in found:
        assert report.sentence in bounds
        assert report.sentence.holds(report.cue)
        for span in (report.cue, report.content, report.source, report.antecedent):
            assert span is None or 0 <= span.start < span.end <= len(text)
        assert report.source is None or report.antecedent is None
        assert report.antecedent is None or report.antecedent.end <= report.cue.start
        assert read(report.cue.of(text)) or fold(report.cue.of(text)) in group("prepositions")


@given(st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.lists(WORDS, max_size=25).map("".join), st.text()))
def test_spans_lie_in_any_text(text: str) -> None:
    found = reports(text)
    check(text, found)
    assert found == reports(text)


def test_a_sentence_without_end_is_read_in_stretches() -> None:
    text = "قال الوزير إن العمل جار وأضاف المدير أن الكلفة أقل " * 300
    found = reports(text)
    check(text, found)
    assert len(found) >= 590


def test_the_lexicon_inflects_verbs_and_knows_their_clitics() -> None:
    known = (
        "قال قالت قالوا يقول تقول يقولون سيقول قائلا قائلة وقال فقال أكّد وأكدت يؤكد مؤكدين نفت ينفون نفاه ادعاءه وصفوهم"
    )
    for word in known.split():
        assert read(word) is not None, word
    for word in ["كتاب", "مدينة", "بينهما", "الذي", "تبين"]:
        assert read(word) is None, word
    assert fold("إلى") == "الى"
    assert all(form.verb.past for form in forms().values())


@pytest.mark.parametrize("name", ["objects", "titles", "occasions", "connectives", "not_sources"])
def test_groups_of_words_are_read(name: str) -> None:
    assert len(group(name)) > 20


def test_what_others_say_after_a_comma_is_theirs() -> None:
    assert said("أكد الرئيس أن الاتحاد قوي، بينما رأى نظيره أن الوقت غير مناسب.") == [
        ("أكد", "الرئيس", "الاتحاد قوي", "indirect"),
        ("رأى", "نظيره", "الوقت غير مناسب", "indirect"),
    ]


def test_what_is_ascribed_is_said_by_whom_it_is_ascribed_to() -> None:
    found = said("نسبت الصحيفة إلى مسؤولين أمريكيين قولهم إن الصفقة وشيكة.")
    assert [(cue, source) for cue, source, *_ in found] == [("نسبت", "الصحيفة"), ("قولهم", "مسؤولين أمريكيين")]
    assert found[1][2] == "الصفقة وشيكة"


def test_a_word_that_only_begins_like_a_reply_is_none() -> None:
    assert [cue for cue, *_ in said("وبحسب ما ورد في مذكرة داخلية، فإن القرار «نهائي ولا رجعة فيه».")] == []
