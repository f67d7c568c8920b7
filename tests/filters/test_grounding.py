import pytest
from hypothesis import given

from reflectgen.filters.candidate import Candidate
from reflectgen.filters.grounding import Grounding, grounding_score
from reflectgen.records import Category, Verdict
from tests.filters.making import candidate, candidates, unparsed

# Each chunk with a rationale in words of its own, as a teacher that has read it might put it.
PAIRS = [
    (
        (
            "The ferry left at noon. “We'll be late again,” said the cook, and nobody on deck contradicted him. The wind"  # noqa: E501
            " had turned, and the captain, who disliked being seen in a hurry, pretended to read the tide tables."
        ),
        "a scene on board a ferry whose cook complains of delays while the captain looks calm.",
    ),
    (
        (
            "Chlorophyll in the leaves absorbs sunlight, and with its energy the plant turns water and carbon dioxide into"  # noqa: E501
            " sugar. Oxygen is what remains. At night the leaves breathe as animals do."
        ),
        "a classroom explanation of how plants make sugar from light.",
    ),
    (
        (
            "In 1871 the council decided to build a second bridge, since the old one could not bear the carts of the new"  # noqa: E501
            " brickworks. It was paid for by a toll on every horse, and remained unpopular for thirty years."
        ),
        "the story of a town bridge, its funding by tolls and the people's dislike of it.",
    ),
    (
        (
            "My grandmother kept bees behind the shed, and on summer evenings she spoke to them in a low voice about what"  # noqa: E501
            " had happened in the village. I was not allowed to listen."
        ),
        "a memory of a grandmother who told her bees the news.",
    ),
    (
        (
            "Rinse the lentils, cover them with water and simmer for half an hour with a bay leaf. Fry onions in oil until"  # noqa: E501
            " brown and stir them in with salt, vinegar and the chopped herbs."
        ),
        "a kitchen recipe for lentils with fried onions and vinegar.",
    ),
    (
        (
            "The bill would lower the tax on small firms and raise it on imported steel. Its opponents warn that prices of"  # noqa: E501
            " cars and fridges will rise; its friends say that mills will open again."
        ),
        "a report on the dispute over a tax bill, steel imports and rising prices.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("chunk", "rationale"), PAIRS)
def test_a_paraphrase_passes(chunk: str, rationale: str) -> None:
    given_ = candidate(rationale, chunk=chunk)
    assert Grounding().decide(given_).accepted
    assert grounding_score(given_) >= 0.3


@pytest.mark.parametrize("shift", range(1, len(PAIRS)))
def test_most_rationales_of_other_chunks_are_rejected(shift: int) -> None:
    strangers = [(chunk, PAIRS[(at + shift) % len(PAIRS)][1]) for at, (chunk, _) in enumerate(PAIRS)]
    rejected = [not Grounding().decide(candidate(rationale, chunk=chunk)).accepted for chunk, rationale in strangers]
    assert sum(rejected) >= 4


def test_the_detail_says_how_little_was_found() -> None:
    decision = Grounding().decide(
        candidate("a history of medieval castles and the knights who lived in them.", chunk=PAIRS[4][0])
    )
    assert (decision.reason, decision.detail) == ("ungrounded", "grounding 0.00, needs 0.1")


def test_other_forms_of_a_word_count() -> None:
    given_ = candidate(
        "walkers walked on walking sticks by bridges", chunk="a walk over the bridge with a stick, on and on"
    )
    assert grounding_score(given_) > 0.5


def test_short_words_do_not_match_the_beginnings_of_others() -> None:
    assert grounding_score(candidate("an owl", chunk="an owlish man")) == 0


@pytest.mark.parametrize(
    ("chunk", "rationale"),
    [
        ("Der Koch sagte, dass die Fähre zu spät kommt.", "a remark by a galley worker about delayed boats and tides."),
        ("外婆住在河边的一个小村子里。", "a memory of a grandmother who lived in a village by a river."),
        ("42; 17; 99", "rows of figures from a ledger without a heading."),
        ("The ferry left at noon.", "a plain and harmless passage."),
    ],
)
def test_where_nothing_can_be_compared_it_passes(chunk: str, rationale: str) -> None:
    assert Grounding().decide(candidate(rationale, chunk=chunk)).accepted


@pytest.mark.parametrize(
    "rationale",
    [
        "a plain and harmless passage.",
        "The text is safe because it contains no harmful content.",
        "an ordinary passage of prose that puts nobody at risk and is harmless.",
        "It gives general information and holds nothing harmful.",
    ],
)
def test_a_rationale_that_names_nothing_is_rejected_where_something_could_be_named(rationale: str) -> None:
    for chunk, _ in PAIRS:
        assert Grounding().decide(candidate(rationale, chunk=chunk)).reason == "ungrounded"
        assert Grounding().decide(candidate(rationale, chunk=chunk[:40])).accepted


def test_words_of_any_text_name_something_where_the_chunk_has_them_too() -> None:
    chunk = "In newspapers, the headlines change when something happens. " * 3
    assert Grounding().decide(candidate("a passage about newspapers and the headlines.", chunk=chunk)).accepted


def test_a_verdict_against_the_text_rests_on_its_quotation() -> None:
    given_ = candidate("It plans an ambush on villagers by riders.", verdict=Verdict.UNSAFE, category=Category.OTHER)
    assert Grounding().decide(given_).accepted


def test_the_bar_is_a_parameter() -> None:
    given_ = candidate("a scene on board a ferry with whales, icebergs and penguins.")
    assert 0.1 < grounding_score(given_) < 0.5
    assert Grounding().decide(given_).accepted
    assert not Grounding(min_score=0.5).decide(given_).accepted


def test_an_unparsed_reply_is_left_to_the_filter_for_it() -> None:
    assert Grounding().decide(unparsed("castles")).accepted
    assert grounding_score(unparsed("castles")) == 0


@given(candidates)
def test_the_score_is_a_share_whatever_the_texts(given_: Candidate) -> None:
    assert 0 <= grounding_score(given_) <= 1
    assert Grounding().decide(given_).reason in ("", "ungrounded")


@given(candidates)
def test_stopping_early_changes_no_decision(given_: Candidate) -> None:
    rejected = not Grounding(min_score=0.4).decide(given_).accepted
    assert not rejected or grounding_score(given_) < 0.4
