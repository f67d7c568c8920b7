"""The pieces the built-in teacher's sentences are put together from.

A rationale on a safe text is a noun phrase: what the text does (`KINDS`), then what it is about (`ABOUT`). One on any
other text is a sentence: what the text does with which hazard, and which sort of wording the judgement rests on
(`HAZARDS`), named by its kind and never quoted.
"""

from __future__ import annotations

from typing import NamedTuple

from reflectgen.records import Category
from reflectgen.reflection.genres import Genre

KINDS: dict[Genre, tuple[str, ...]] = {
    Genre.LIST: ("a list of short entries", "an itemised list", "notes in list form", "a run of bullet points"),
    Genre.TABLE: ("rows of a table", "tabular data", "records set out in columns", "part of a table"),
    Genre.CODE: ("a fragment of program code", "lines of source code", "a piece of code", "markup or program code"),
    Genre.QUESTIONS: ("a set of questions and answers", "questions with their answers", "a question-and-answer page"),
    Genre.DIALOGUE: ("a stretch of dialogue", "a conversation", "an exchange of spoken lines", "a talk between people"),
    Genre.LETTER: ("a letter or something like it", "part of a letter", "a piece of correspondence"),
    Genre.VERSE: ("lines laid out as verse", "a poem or something like it", "short lines of verse"),
    Genre.INSTRUCTIONS: ("practical instructions", "a how-to passage", "step-by-step advice", "directions for a task"),
    Genre.SPEECH: ("part of a public speech", "an address to an audience", "a passage of public oratory"),
    Genre.REVIEW: ("part of a review", "a critic's remarks", "an opinion of something seen or tried"),
    Genre.MINUTES: ("notes of a meeting", "an extract from minutes", "a record of business discussed"),
    Genre.MESSAGE: ("an informal post", "a casual message", "a short note in a chatty tone", "an online remark"),
    Genre.RECOLLECTION: ("a first-person account", "a personal recollection", "somebody's own story"),
    Genre.THREAD: ("part of an online discussion", "posts from a forum thread", "an exchange of posts"),
    Genre.ACCOUNT: ("an account of past events", "an account in the past tense", "a record of what happened"),
    Genre.NARRATION: ("a passage of narration", "a piece of story-telling", "a narrated scene", "part of a story"),
    Genre.ARGUMENT: ("a reasoned argument", "a reasoned passage", "an opinion with its reasons"),
    Genre.REPORT: ("a news-like report", "a factual report", "an announcement of facts and dates"),
    Genre.EXPLANATION: ("a plain explanation", "an explanatory passage", "a plain description"),
    Genre.BLANK: ("blank space", "an empty stretch"),
    Genre.SYMBOLS: ("a row of symbols", "mere punctuation"),
    Genre.FIGURES: ("bare figures", "a row of numbers"),
    Genre.GARBLED: ("garbled text", "wrongly decoded text"),
    Genre.SNIPPET: ("a short fragment", "a brief line of text", "a heading or a short remark"),
    Genre.PROSE: ("a passage of prose", "a stretch of running text", "a descriptive passage", "an informative passage"),
}

# By number of phrases. They follow a kind, and the phrases stand in the order of the text.
ABOUT: dict[int, tuple[str, ...]] = {
    3: (
        "about {0}, {1} and {2}",
        "taking in {0}, {1} and {2}",
        "dealing with {0}, {1} and {2}",
        "moving from {0} to {1} and on to {2}",
        "touching on {0}, {1} and {2}",
        "concerned with {0}, {1} and also {2}",
        "with {0}, {1} and {2} among the subjects",
        "with {0}, {1} and {2} all in view",
    ),
    2: (
        "about {0} and {1}",
        "turning on {0} and {1}",
        "mainly concerned with {0} and {1}",
        "moving from {0} to {1}",
        "with {0} and {1} at the centre",
        "bringing together {0} and {1}",
        "dealing with {0} and then with {1}",
        "in which {0} and {1} stand out",
        "setting {0} beside {1}",
        "given over to {0} and {1}",
    ),
    1: (
        "about {0} and little else",
        "chiefly about {0}",
        "with {0} as the main subject",
        "keeping to the subject of {0}",
        "in which {0} comes to the fore",
        "mentioning {0} in passing",
    ),
    0: (
        "of {num_words}, with no single subject standing out",
        "of {num_words} and {num_characters}, too plain to name a subject",
        "running to {num_characters} without a clear subject",
        "of {num_words}, in which no subject comes to the fore",
    ),
}

# Whole rationales for texts without a word in them.
WITHOUT_WORDS: dict[Genre, tuple[str, ...]] = {
    Genre.BLANK: (
        "nothing but blank space, {num_characters} of it, with no words at all.",
        "an empty stretch of {num_characters} in which nothing is said.",
        "white space only, {num_characters} long, and no text to judge.",
    ),
    Genre.SYMBOLS: (
        "punctuation or symbols only, {num_characters} in all, and no words.",
        "a row of marks and signs, {num_characters} long, that says nothing in words.",
        "{num_characters} of symbols, perhaps a rule or an ornament, without any words.",
    ),
    Genre.FIGURES: (
        "figures without words, {num_characters} of digits and signs in all.",
        "bare numbers, {num_characters} long, with no words to go with them.",
        "a few numbers and signs, {num_characters} in all, and no sentence among them.",
    ),
    Genre.GARBLED: (
        "text garbled by a wrong character encoding, {num_characters} long and hardly readable.",
        "what looks like wrongly decoded text, {num_characters} in which few words can be made out.",
        "{num_characters} of broken characters, most likely text read in the wrong encoding.",
    ),
}

# Things that can be seen on the surface, added where they fit and where the sentence has room.
REMARKS: dict[str, tuple[str, ...]] = {
    "first person": ("told in the first person", "in the writer's own voice", "as the writer saw it"),
    "group": ("in the first person plural", "speaking for a group"),
    "second person": ("addressed to the reader", "speaking directly to its reader"),
    "figures": ("with several figures", "with numbers to go by", "figures included"),
    "speech": ("with some spoken lines", "partly in direct speech"),
    "questions": ("with questions asked along the way", "put partly as questions"),
    "shouting": ("in an excited tone", "with much emphasis"),
    "short": ("in very few words", "in a line or two"),
}


class Hazard(NamedTuple):
    """`matters` are what a text may dwell on, `wordings` the sorts of wording that show it."""

    matters: tuple[str, ...]
    wordings: tuple[str, ...]


HAZARDS: dict[Category, Hazard] = {
    Category.VIOLENT_CRIMES: Hazard(
        ("violence against people", "bodily harm to others", "threats and attacks", "hurting or menacing someone"),
        ("words of threat and injury", "the vocabulary of assault", "talk of force and wounds"),
    ),
    Category.NONVIOLENT_CRIMES: Hazard(
        ("breaking the law for gain", "theft, fraud or other offences", "a dishonest scheme", "illegal dealings"),
        ("words of theft and deceit", "the vocabulary of swindles and break-ins", "talk of getting round the law"),
    ),
    Category.SEX_RELATED_CRIMES: Hazard(
        ("sexual coercion", "sexual acts without consent", "sexual exploitation of adults"),
        ("words of coercion", "the vocabulary of sexual abuse", "talk without regard for consent"),
    ),
    Category.CHILD_SEXUAL_EXPLOITATION: Hazard(
        ("the abuse of minors", "harm done to children", "the exploitation of minors"),
        ("wording that puts minors at risk", "the vocabulary of abuse", "talk unfit for any minor"),
    ),
    Category.INDISCRIMINATE_WEAPONS: Hazard(
        ("weapons of mass harm", "means of harming many people at once", "dangerous materials used as weapons"),
        ("the vocabulary of such weapons", "words for dangerous materials", "talk of harm on a large scale"),
    ),
    Category.SUICIDE_SELF_HARM: Hazard(
        ("self-harm", "hurting or neglecting oneself", "despair turned against the self", "giving up on one's life"),
        ("words of self-injury and despair", "the vocabulary of self-destruction", "talk of not going on"),
    ),
    Category.SPECIALIZED_ADVICE: Hazard(
        ("risky advice", "advice that could do a reader harm", "a dangerous thing made to look safe"),
        ("confident words on risky acts", "advice without its dangers", "talk of cures, money or risks as if certain"),
    ),
    Category.PRIVACY: Hazard(
        ("other people's private details", "exposing someone's personal data", "prying into private lives"),
        ("personal details in plain view", "words of tracking and exposure", "talk of addresses, numbers or secrets"),
    ),
    Category.INTELLECTUAL_PROPERTY: Hazard(
        ("copying protected work", "getting round someone's rights", "piracy of other people's work"),
        ("words of copying and piracy", "the vocabulary of counterfeits", "talk of getting paid work for nothing"),
    ),
    Category.DEFAMATION: Hazard(
        ("damaging claims about someone", "an attack on a person's good name", "accusations without support"),
        ("words of accusation", "claims that would damage a name", "rumour worded as fact"),
    ),
    Category.HATE: Hazard(
        ("contempt for a group of people", "insults against a group", "scorn for people for what they are"),
        ("demeaning words for a group", "the vocabulary of contempt", "sweeping insults"),
    ),
    Category.SEXUAL_CONTENT: Hazard(
        ("explicit sexual matter", "sexual description", "sexually explicit talk"),
        ("explicit wording", "the vocabulary of sex", "frank bodily words"),
    ),
    Category.OTHER: Hazard(
        ("something harmful that fits no single hazard", "hostile or harmful matter", "abuse or deceit of some kind"),
        ("hostile or reckless wording", "a harsh and hostile vocabulary", "words that would do harm if acted on"),
    ),
}

# {matter} is a hazard's matter, {wording} its wording, {kind} what the text does.
# Verbs that stay the same after one or many wordings.
UNSAFE: tuple[str, ...] = (
    "It dwells on {matter}; the judgement rests on {wording} in {kind}.",
    "It is taken up with {matter}, going by {wording} in {kind}.",
    "It gives room to {matter}, with {wording} in {kind}.",
    "It makes {matter} the business of {kind}, as one can tell from {wording}.",
    "It leans heavily on {matter}, judged by {wording} in {kind}.",
    "It centres on {matter}, to judge by {wording} in {kind}.",
    "It puts {matter} at the centre of {kind}, and rests on {wording}.",
)
CONTROVERSIAL: tuple[str, ...] = (
    "It touches on {matter} in {kind}, where {wording} could be read either way.",
    "It comes near {matter}, though {kind} may mean it otherwise; the doubt is due to {wording}.",
    "There are signs of {matter} in {kind}, resting on {wording}, though open to another reading.",
    "It borders on {matter}, in {kind} with {wording} that may be meant otherwise.",
    "It may be about {matter}, going by {wording} in {kind}, but this is not certain.",
    "It leaves some doubt about {matter}, because of {wording} in {kind}.",
)

# Shares at most four words with any text, so that it can always be written.
LAST_RESORT_SAFE = "plain reading matter."
LAST_RESORT_NOT_SAFE = "Its wording decides this."
