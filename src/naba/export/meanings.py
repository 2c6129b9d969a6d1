"""What labels mean, in English, for model cards."""

from __future__ import annotations

MEANINGS = {
    # Stance towards a claim: Baly et al. 2018 and AraStance 2021, as the annotation guideline of naba words them.
    "agree": "the text says or clearly implies that the claim is true",
    "disagree": "the text says or clearly implies that the claim is false; another number, date, place or agent for "
    "the same event makes it so",
    "discuss": "the text is about the same matter but takes no side: it reports the claim without vouching for it, "
    "gives both sides, or settles only another part of it",
    "unrelated": "the text is about another matter, even if it shares people, places or words",
    "other": "neither: the two do not bear on each other, or it cannot be told",
    # Stance towards a topic.
    "favor": "for the target",
    "against": "against the target",
    "none": "no stance towards the target",
    # Claim types: what would a fact-checker have to check? After Full Fact (Konstantinovskiy et al. 2018).
    "quantity": "the news is a number, rate, price, rank, record, comparison, rise or fall of what can be measured",
    "causal": "the news is that one thing causes, prevents or explains another",
    "prediction": "the news is what will, may or is planned to happen",
    "rule": "the news is what a law, regulation, treaty or standing agreement allows, forbids, requires or promises",
    "statement": "the news is that somebody said, accused, denied, warned, praised, demanded or promised it",
    "event": "the news is that something happened, or that a state of affairs holds",
    "opinion": "not to be checked: a judgement, interpretation or figure of speech in the writer's own voice",
    "no_claim": "nothing to check: a question, a teaser, a title without a proposition, a fragment, an exhortation",
    # Others.
    "real": "a headline as it was published",
    "fake": "a headline that was changed to say something false",
    "entails": "who reads the first sentence would conclude the second",
    "not_entails": "the second sentence does not follow from the first",
    "OBJ": "objective: the sentence does not show the author's own opinion",
    "SUBJ": "subjective: the sentence shows the author's own opinion",
    "no_not_interesting": "nothing that policy makers should attend to",
    "yes_asks_question": "policy makers should attend to it: it asks a question",
    "yes_blame_authorities": "policy makers should attend to it: it blames the authorities",
    "yes_calls_for_action": "policy makers should attend to it: it calls for action",
    "harmful": "policy makers should attend to it: it is harmful",
    "yes_contains_advice": "policy makers should attend to it: it contains advice",
    "yes_discusses_action_taken": "policy makers should attend to it: it discusses action taken",
    "yes_discusses_cure": "policy makers should attend to it: it discusses a cure",
    "yes_other": "policy makers should attend to it for another reason",
}
"""Label -> its meaning, where the label has one meaning in all data sets."""

OF_TASK = {
    "checkworthiness": {"yes": "a fact-checker should check it", "no": "a fact-checker need not check it"},
    "claim_detection": {
        "yes": "it holds a claim that could be checked",
        "no": "it holds no claim that could be checked",
    },
    "harmfulness": {"yes": "harmful to society", "no": "not harmful to society"},
    "speech": {
        "none": "the sentence reports nobody's words",
        "direct": "it reports somebody's words between quotation marks",
        "indirect": "it reports what somebody said in the writer's words",
        "mixed": "it reports both ways, or with quoted words inside the writer's",
    },
    "persuasion": {"true": "it uses a technique of persuasion", "false": "it uses none"},
}
"""Task -> lower-case label -> its meaning."""


def meaning(label: str, task: str = "") -> str:
    """What a label means; where nothing is known of it, its name in words."""
    return OF_TASK.get(task, {}).get(label.lower()) or MEANINGS.get(label) or label.replace("_", " ")
