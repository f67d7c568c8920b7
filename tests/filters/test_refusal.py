import pytest

from reflectgen.filters.refusal import Refusal
from tests.filters.making import candidate, unparsed

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m unable to analyze this content.",
    "I cannot assist with this request.",
    "As an AI language model, I must not judge texts.",
    "Unfortunately, I am unable to do so.",
    "I won't engage with hateful content.",
    "Es tut mir leid, aber ich kann dabei nicht helfen.",
    "Je suis désolé, mais je ne peux pas vous aider.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Desculpe, mas não posso ajudar.",
    "Mi dispiace, ma non posso aiutarti.",
    "Извините, но я не могу помочь.",
    "Üzgünüm, bu konuda yardımcı olamam.",
    "عذراً، لا أستطيع مساعدتك",
    "मुझे खेद है, मैं इसमें मदद नहीं कर सकता।",
    "很抱歉，我无法提供这方面的帮助。",
    "申し訳ありませんが、そのご依頼にはお答えできません。",
    "죄송합니다만 도와드릴 수 없습니다.",
    "Xin lỗi, tôi không thể giúp.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_recognised_in_many_languages(text: str) -> None:
    assert Refusal().decide(unparsed(text)).reason == "refusal"
    assert Refusal().decide(candidate(text)).reason == "refusal"
    assert Refusal().decide(candidate(f'Safe: "{text}"')).reason == "refusal"


@pytest.mark.parametrize(
    "rationale",
    [
        "a clerk says sorry and cannot help with the parcel.",
        "a dialogue in which a doctor explains that I cannot help is no answer.",
        "an account of a man who is unable to comply with a request.",
        "It argues that an AI should not judge people.",
        "a letter that begins with an apology for its lateness.",
        "eine Erzählung über jemanden, der leider nicht helfen kann.",
        "",
    ],
)
def test_a_rationale_that_speaks_of_refusals_is_not_one(rationale: str) -> None:
    assert Refusal().decide(candidate(rationale)).accepted


def test_an_unparsed_reply_that_declines_after_some_preamble_is_a_refusal() -> None:
    assert Refusal().decide(unparsed("```json\n{}\n```\nI'm sorry, I can't continue.")).reason == "refusal"


def test_an_unparsed_reply_that_does_not_decline_is_left_to_others() -> None:
    assert Refusal().decide(unparsed('{"verdict": "safe"')).accepted
