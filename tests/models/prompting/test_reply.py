"""Replies as language models write them, in Arabic and English: which label they name, or why none."""

import pytest

from naba.models.prompting import prompt
from naba.models.prompting.reply import Choices, answer_ids, read

NAMES = {"agree": "تأييد", "disagree": "معارضة", "discuss": "نقاش", "unrelated": "غير ذي صلة"}
WORTH = {"no": "لا يستحق التحقق", "yes": "يستحق التحقق"}
TYPE_NAMES = {"quantity": "كمية", "no_claim": "لا ادعاء", "event": "حدث", "opinion": "رأي"}
STANCE, CHECK, TYPES = (
    prompt.Form(prompt.read(prompt.path_of(None, task, "ar")), names).choices
    for task, names in (("stance", NAMES), ("checkworthiness", WORTH), ("claim_type", TYPE_NAMES))
)

ANSWERED = [
    # the code alone, and what stands round it
    ("1", "agree"), (" 2\n", "disagree"), ("(3)", "discuss"), ("4.", "unrelated"), ("**2**", "disagree"),
    ("٢", "disagree"), ("۳", "discuss"), ("١.", "agree"), ("２", "disagree"),
    ("\u200f1\u200f", "agree"), ("\u2067٤\u2069", "unrelated"), ("\ufeff2", "disagree"),
    # the code in a place for answers
    ("الإجابة: 2", "disagree"), ("الجواب هو ٣.", "discuss"), ("الإجابة الصحيحة هي 4", "unrelated"),
    ("Answer: 1", "agree"), ("The answer is 2.", "disagree"), ("رمز الإجابة: 1", "agree"),
    ("1 - تأييد", "agree"), ("2) معارضة لأن الرقم مختلف", "disagree"), ("3: the text takes no side", "discuss"),
    ("النص يكرر الادعاء بالأرقام نفسها.\nالإجابة: 1", "agree"),
    ("<think>ربما 2، أو معارضة</think>\n1", "agree"),
    # names, as they are written
    ("الإجابة: موافق.", "agree"), ("تأييد", "agree"), ("تَأْيِيد", "agree"), ("تأييـــــد", "agree"), ("تاييد", "agree"),
    ("ﺗﺄﻳﻴﺪ", "agree"), ("ﻣﻌﺎﺭﺿﺔ", "disagree"), ("معارضه", "disagree"), ("\u202bمعارضة\u202c", "disagree"),
    ("غير ذي صلة", "unrelated"), ("«نقاش»", "discuss"), ("AGREE", "agree"), ("disagree.", "disagree"),
    ("غير موافق", "disagree"), ("النص مؤيد للادعاء.", "agree"), ("موقف النص هو المعارضة", "disagree"),
    ("النص معارض للادعاء لأن العدد يختلف", "disagree"), ("أرى أن النص لا علاقة له بالادعاء", "unrelated"),
    ("I think the text is unrelated to the claim.", "unrelated"), ("النص يؤيد الادعاء", "agree"),
    # JSON, also in fences
    ('{"answer": "2"}', "disagree"), ('{"answer": 3}', "discuss"), ('```json\n{"answer": "1"}\n```', "agree"),
    ('```\n{"الإجابة": "معارضة"}\n```', "disagree"),
    ('Sure:\n```json\n{"label": "discuss", "why": "…"}\n```', "discuss"),
    ("```\n4\n```", "unrelated"),
    ('{"answer": "٢"}', "disagree"),
]  # fmt: skip

NOT_ANSWERED = [
    ("تأييد أو معارضة", None, "unparsed"), ("1 أو 2", None, "unparsed"), ("agree / disagree", None, "unparsed"),
    ("الإجابة: 1\nالإجابة: 2", None, "unparsed"), ("النص غير مؤيد", None, "unparsed"),
    ("I do not agree", None, "unparsed"), ("ارتفع العدد إلى 3 أشخاص", None, "unparsed"), ("7", None, "unparsed"),
    ("لا أعرف", None, "unparsed"), ('{"answer": "5"}', None, "unparsed"), ("النص يتحدث عن النفط", None, "unparsed"),
    ("عذرًا، لا أستطيع الإجابة عن هذا السؤال", None, "refused"), ("لا يمكنني الحكم على هذا النص.", None, "refused"),
    ("أعتذر، فأنا نموذج لغوي", None, "refused"), ("I'm sorry, but I can't help with that.", None, "refused"),
    ("As an AI, I cannot take a stance.", None, "refused"), ("لا أستطيع أن أقول إن النص مؤيد", None, "refused"),
    ("I cannot say whether they agree", None, "refused"),
    ("", None, "empty"), (" \n\u200f", None, "empty"), (None, None, "empty"), ("...", None, "empty"),
    ("<think>بدأت أفكر في", "length", "truncated"), ("", "length", "truncated"),
    ("النص يقول إن السعر ارتفع ولذلك", "length", "truncated"), ("any words", "content_filter", "refused"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "label"), ANSWERED)
def test_a_label_is_read_however_it_is_written(text, label):
    found = read(text, STANCE)
    assert (found.outcome, found.label) == ("answered", label)


@pytest.mark.parametrize(("text", "finish", "outcome"), NOT_ANSWERED)
def test_what_names_no_label_or_two_has_none(text, finish, outcome):
    found = read(text, STANCE, finish)
    assert (found.outcome, found.label) == (outcome, None)


@pytest.mark.parametrize(
    ("choices", "text", "label"),
    [
        (CHECK, "لا يستحق التحقق", "no"),
        (CHECK, "النص يستحق التحقق", "yes"),
        (CHECK, "نعم", "yes"),
        (TYPES, "لا ادعاء", "no_claim"),
        (TYPES, "no_claim", "no_claim"),
        (TYPES, "هذه الجملة رأي.", "opinion"),
        (TYPES, "النوع: كمية", "quantity"),
    ],
)
def test_a_name_inside_a_longer_name_is_not_read_for_it(choices, text, label):
    assert read(text, choices).label == label


def test_a_whole_answer_that_was_cut_behind_it_is_an_answer():
    assert read('{"answer": "2"}, because', STANCE, "length").label == "disagree"


def test_a_word_that_two_labels_share_stands_for_neither():
    choices = Choices(("a", "b"), ("1", "2"), (("same",), ("same",)))
    assert read("same", choices).label is None


def test_more_than_nine_labels_get_letters():
    assert answer_ids(3) == ("1", "2", "3")
    assert answer_ids(10)[-1] == "J"
