from dataclasses import dataclass, field

import pytest

from reflectgen.errors import RequestRejected, TeacherUnavailable
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.vllm_requests import completion_of, prompt_of, sampling_of

MESSAGES = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"})


def request(**more) -> CompletionRequest:
    asked = {"messages": MESSAGES, "model": "m", "seed": 7, "temperature": 0.5, "max_tokens": 20}
    return CompletionRequest(**(asked | more))


class Tokenizer:
    """Writes messages in a line and makes a token of every character."""

    def __init__(self) -> None:
        self.options = {}

    def apply_chat_template(self, messages, **options):
        self.options = options
        return "<s>" + "".join(f"[{message['role']}]{message['content']}" for message in messages)

    def encode(self, text, *, add_special_tokens):
        assert not add_special_tokens, "the template has written them"
        return [ord(character) for character in text]


class Refusing(Tokenizer):
    def apply_chat_template(self, messages, **options):
        raise LookupError("this model knows no system role")


class WritesTokens(Tokenizer):
    def apply_chat_template(self, messages, **options):
        return [1, 2, 3]


@dataclass
class Chance:
    logprob: float
    decoded_token: str | None


@dataclass
class Answer:
    text: str = "yes"
    finish_reason: str = "stop"
    token_ids: tuple[int, ...] = (5, 6)
    logprobs: list[dict[int, Chance]] | None = None


@dataclass
class Output:
    outputs: list[Answer]
    prompt_token_ids: list[int] = field(default_factory=lambda: [1, 2, 3])


def test_what_a_request_asks_for_is_what_is_sampled():
    assert sampling_of(request(extra={"top_p": 0.9})) == {
        "seed": 7,
        "temperature": 0.5,
        "max_tokens": 20,
        "logprobs": None,
        "top_p": 0.9,
    }
    assert sampling_of(request(top_logprobs=5))["logprobs"] == 5


def test_extra_cannot_change_what_the_request_says_itself():
    with pytest.raises(RequestRejected, match="knows no max_tokens"):
        sampling_of(request(extra={"max_tokens": 5000}))


def test_what_would_be_ignored_is_refused():
    with pytest.raises(RequestRejected, match="knows no guided_json, reasoning_effort"):
        sampling_of(request(extra={"reasoning_effort": "low", "guided_json": {}}))


def test_a_prompt_is_the_template_filled_in_and_asks_for_an_answer():
    tokenizer = Tokenizer()
    prompt = prompt_of(request(extra={"chat_template_kwargs": {"enable_thinking": False}}), tokenizer)
    assert bytes(prompt["prompt_token_ids"]) == b"<s>[system]Be brief.[user]Hello"
    assert tokenizer.options == {"enable_thinking": False, "add_generation_prompt": True, "tokenize": False}
    assert "cache_salt" not in prompt


def test_a_job_has_its_own_prefix_cache():
    assert prompt_of(request(extra={"cache_salt": "job-1"}), Tokenizer())["cache_salt"] == "job-1"


def test_a_tokenizer_that_writes_tokens_is_taken_at_its_word():
    assert prompt_of(request(), WritesTokens())["prompt_token_ids"] == [1, 2, 3]


def test_a_template_that_refuses_rejects_the_request_in_one_line():
    with pytest.raises(RequestRejected, match="no system role"):
        prompt_of(request(), Refusing())


def test_an_answer_has_its_counts_and_who_gave_it():
    completion = completion_of(Output([Answer(finish_reason="length")]), request(), "small")
    assert (completion.text, completion.finish_reason, completion.model) == ("yes", "length", "small")
    assert (completion.prompt_tokens, completion.completion_tokens) == (3, 2)
    assert completion.chances == ()


def test_chances_are_the_likeliest_tokens_and_the_one_taken_need_not_be_among_them():
    unlikely = {5: Chance(-9.0, "c"), 1: Chance(-0.1, "a"), 2: Chance(-2.0, "b")}
    likely = {6: Chance(-0.2, "d"), 3: Chance(-3.0, None)}
    completion = completion_of(Output([Answer(logprobs=[unlikely, likely])]), request(top_logprobs=2), "small")
    first, second = completion.chances
    assert (first.token, first.alternatives) == ("c", (("a", -0.1), ("b", -2.0)))
    assert (second.token, second.alternatives) == ("d", (("d", -0.2), ("", -3.0)))


@pytest.mark.parametrize("reason", ["abort", "error", None])
def test_an_answer_that_the_engine_gave_up_is_none(reason):
    with pytest.raises(TeacherUnavailable, match="gave a request up"):
        completion_of(Output([Answer(finish_reason=reason)]), request(), "small")
