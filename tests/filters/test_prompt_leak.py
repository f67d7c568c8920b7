import pytest
from hypothesis import given

from reflectgen.filters.candidate import Candidate
from reflectgen.filters.prompt_leak import PromptLeak
from reflectgen.llm.prompts import load_prompt
from tests.filters.making import candidate, candidates, unparsed

INSTRUCTIONS = "\n".join(text for _, text in load_prompt("reflection/contextual").parts)


@pytest.mark.parametrize(
    "rationale",
    [
        "It stands between <passage-0a1b2c3d> and its end and tells of a ferry.",
        "The passage-XXXXXXXX block tells of a late ferry.",
        "As instructed, this names the subject: a late ferry.",
        "According to the instructions it is about a late ferry.",
        "Per the given rubric, a remark about a ferry.",
        "The prompt asks for one plain sentence, so: a late ferry.",
        "A ferry is late; the text between the tags does no harm.",
        "What the passage tags hold is a remark about a ferry.",
        'A late ferry; the "category" stays none.',
        "A late ferry, so the verdict is safe.",
        "A late ferry, so the category is none.",
        "Evidence: the ferry left at noon.",
        "It is neither violent_crimes nor hate, just a late ferry.",
        "Returned as JSON object: a late ferry.",
        "I was asked to review a remark about a late ferry.",
        "A late ferry, told in at most 40 words.",
    ],
)
def test_talk_about_the_task_is_rejected(rationale: str) -> None:
    assert PromptLeak().decide(candidate(rationale)).reason == "prompt_leak"


@pytest.mark.parametrize(
    "rationale",
    [
        "a passage of prose about a late ferry and its cook.",
        "cites evidence that late ferries annoy the crew.",
        "reports the verdict in a trial over a late ferry.",
        "a category of ships known as ferries is described.",
        "step-by-step instructions for folding a paper ship.",
        "a prompt answer from the cook, given without words of comfort.",
        "the guidelines that crews follow when a ferry is late.",
        "a cook was asked to stay on deck until noon.",
        "before 1234567 passengers had left the ferry.",
        "",
    ],
)
def test_the_same_words_about_a_subject_pass(rationale: str) -> None:
    assert PromptLeak().decide(candidate(rationale)).accepted


@pytest.mark.parametrize(
    ("chunk", "rationale"),
    [
        ("The server answers with JSON.", "explains how an API returns a JSON object to its caller."),
        ("Fold along the dotted line; follow the instructions.", "a kite is built according to the instructions."),
        ("Write a better prompt and the model obeys.", "advice on how the prompt states the task of a model."),
        ("The verdict is unsafe at any speed.", "a review in which the verdict is unsafe for a car."),
    ],
)
def test_a_chunk_about_such_things_may_be_described(chunk: str, rationale: str) -> None:
    assert PromptLeak().decide(candidate(rationale, chunk=chunk)).accepted


def test_a_run_of_the_prompts_words_is_rejected_and_a_shorter_one_is_not() -> None:
    leak = "It does neither help to do harm nor do it themselves, it says what it does and why that is or is not safe."
    short = "A ferry is late, and it helps nobody to do harm."
    given = [candidate(rationale, instructions=INSTRUCTIONS) for rationale in (leak, short)]
    assert [PromptLeak().decide(each).reason for each in given] == ["prompt_leak", ""]
    assert PromptLeak(max_run_words=30).decide(given[0]).accepted


def test_without_the_prompts_text_only_talk_about_it_is_found() -> None:
    assert PromptLeak().decide(candidate("It says what the passage does and why that is or is not safe.")).accepted


def test_an_unparsed_reply_is_left_to_the_filter_for_it() -> None:
    assert PromptLeak().decide(unparsed("As instructed, no JSON.")).accepted


@given(candidates)
def test_it_never_raises(given_: Candidate) -> None:
    assert PromptLeak().decide(given_).reason in ("", "prompt_leak")
