import pytest
from hypothesis import given

from reflectgen.filters.candidate import Candidate
from reflectgen.filters.language import Language
from tests.filters.making import candidate, candidates, unparsed

IN_OTHER_LANGUAGES = {
    "German": "Ein Bericht über die Reise einer Familie ans Meer, ohne schädlichen Inhalt.",
    "French": "un récit de voyage au bord de la mer avec une famille",
    "Spanish": "Relato de un viaje al mar con la familia y sus amigos.",
    "Portuguese": "um relato de uma viagem da família ao mar, sem nada de perigoso.",
    "Italian": "il racconto di un viaggio al mare con la famiglia e gli amici.",
    "Dutch": "Een verslag van een reis naar zee met het hele gezin.",
    "Russian": "рассказ о поездке семьи к морю",
    "Arabic": "قصة عن رحلة عائلية إلى البحر",
    "Hindi": "परिवार की समुद्र यात्रा का वर्णन",
    "Chinese": "一段关于外婆和月亮的回忆",
    "Japanese": "家族の旅行についての短い話です",
    "Korean": "가족이 바다로 여행을 떠난 이야기",
}


@pytest.mark.parametrize("language", IN_OTHER_LANGUAGES)
def test_a_rationale_in_another_language_than_english_is_rejected(language: str) -> None:
    decision = Language().decide(candidate(IN_OTHER_LANGUAGES[language]))
    assert (decision.reason, decision.detail) == ("language", f"it is in {language}, not in English")


@pytest.mark.parametrize("language", IN_OTHER_LANGUAGES)
def test_it_is_accepted_where_that_language_is_wanted(language: str) -> None:
    assert Language(language).decide(candidate(IN_OTHER_LANGUAGES[language])).accepted


@pytest.mark.parametrize("language", sorted(set(IN_OTHER_LANGUAGES) - {"Korean", "Japanese"}))
def test_english_is_rejected_where_another_language_is_wanted(language: str) -> None:
    given = candidate("an account of how a family went to the sea and what they saw there.")
    assert Language(language).decide(given).detail == f"it is in English, not in {language}"


def test_a_language_without_a_word_list_is_told_by_the_lack_of_english_words() -> None:
    rationale = "opowieść o podróży rodziny nad morze i jej przygodach, bez treści szkodliwych."
    assert Language().decide(candidate(rationale)).reason == "language"


@pytest.mark.parametrize(
    "rationale",
    [
        "a note on “Die Leiden des jungen Werthers” and its readers.",
        "quotes the Russian proverb тише едешь, дальше будешь in full and explains it.",
        "an entry in Chinese about 桂花树 and 外婆 at home.",
        "compares de la Cruz, von der Leyen and van den Berg as names.",
        "ferry timetable: Dover, Calais, Ostende",
        "Pride and Prejudice, chapter one",
        "C++ templates, RAII, SFINAE",
        "a short note in a chatty tone mentioning Sam in passing.",
        "late ferry",
        "",
    ],
)
def test_names_titles_and_short_remarks_are_given_the_benefit_of_the_doubt(rationale: str) -> None:
    assert Language().decide(candidate(rationale)).accepted


def test_a_language_that_cannot_be_told_apart_is_no_parameter() -> None:
    with pytest.raises(ValueError, match="Klingon"):
        Language("Klingon")


def test_an_unparsed_reply_is_left_to_the_filter_for_it() -> None:
    assert Language().decide(unparsed(IN_OTHER_LANGUAGES["German"])).accepted


@given(candidates)
def test_it_never_raises(given_: Candidate) -> None:
    assert Language().decide(given_).reason in ("", "language")
