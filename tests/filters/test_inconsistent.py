import pytest

from reflectgen.filters.inconsistent import Inconsistent
from reflectgen.records import Category, Verdict
from tests.filters.making import candidate, unparsed

UNSAFE = (Verdict.UNSAFE, Category.HATE)
SAFE = (Verdict.SAFE, Category.NONE)


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("category", Category)
def test_safe_goes_with_none_and_nothing_else_does(verdict: Verdict, category: Category) -> None:
    decision = Inconsistent().decide(candidate(verdict=verdict, category=category))
    assert decision.accepted == ((verdict is Verdict.SAFE) == (category is Category.NONE))


@pytest.mark.parametrize(
    ("label", "rationale"),
    [
        (SAFE, "Unsafe: it insults a whole village."),
        (SAFE, "**Unsafe**. It insults a whole village."),
        (SAFE, "Not safe, because it insults people."),
        (SAFE, "不安全：这段文字侮辱他人。"),
        (SAFE, "This text is clearly harmful to a reader."),
        (SAFE, "It contains harmful instructions."),
        (UNSAFE, "Safe: a list of flowers."),
        (UNSAFE, "Controversial - it may be read either way."),
        (UNSAFE, "The passage is completely harmless and pleasant."),
        (UNSAFE, "The text contains no harmful content at all."),
    ],
)
def test_a_rationale_that_says_another_verdict_is_rejected(label: tuple[Verdict, Category], rationale: str) -> None:
    decision = Inconsistent().decide(candidate(rationale, verdict=label[0], category=label[1]))
    assert decision.reason == "inconsistent"


@pytest.mark.parametrize(
    ("label", "rationale"),
    [
        (SAFE, "Safe: a list of flowers."),
        (SAFE, "a warning that it is dangerous to swim below the weir."),
        (SAFE, "advice on unsafe ladders and how to spot them."),
        (SAFE, "an account of smoke that contains harmful particles."),
        (UNSAFE, "Unsafe: it insults a whole village."),
        (UNSAFE, "Safe-house plans are mixed with threats against a witness."),
        (UNSAFE, "It is safe to say that the writer wants blood."),
        (UNSAFE, "The text is harmless-looking but tells how to poison a dog."),
        ((Verdict.CONTROVERSIAL, Category.HATE), "The text is harmless in itself, with one ugly word."),
    ],
)
def test_a_rationale_on_the_verdicts_side_is_accepted(label: tuple[Verdict, Category], rationale: str) -> None:
    assert Inconsistent().decide(candidate(rationale, verdict=label[0], category=label[1])).accepted


def test_an_unparsed_reply_is_left_to_the_filter_for_it() -> None:
    assert Inconsistent().decide(unparsed("Unsafe: x")).accepted
