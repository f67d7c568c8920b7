import asyncio
import json
import math

import pytest

from reflectgen.errors import RequestRejected, TeacherUnauthorized, TeacherUnavailable
from reflectgen.llm.completion import Completion, TokenChances
from reflectgen.llm.scripted import ScriptedModel
from reflectgen.records import Category, Chunk, Label, Provenance, Verdict
from reflectgen.reflection.llm_guard import LABEL_TRIES, LLMGuard, LLMGuardOptions
from reflectgen.reflection.passage import fenced

CHUNKS = [Chunk("doc", n, 0, 1, text) for n, text in enumerate(["one", "two", "three"])]
HATE = json.dumps({"verdict": "unsafe", "category": "hate"})
SAFE = json.dumps({"verdict": "safe", "category": "none"})
BUILTIN = Label(Verdict.CONTROVERSIAL, Category.OTHER, 0.4, "builtin", ("word",))


class FixedGuard:
    provenance = Provenance("guard", "fixed")
    closed = False

    async def label(self, chunks):
        return [BUILTIN for _ in chunks]

    async def close(self):
        self.closed = True


def guard(script, **options) -> LLMGuard:
    model = script if isinstance(script, ScriptedModel) else ScriptedModel(script)
    return LLMGuard(model, LLMGuardOptions(model="m", **options), FixedGuard())


def label(script, chunks=CHUNKS[:1]):
    return asyncio.run(guard(script).label(chunks))


def test_labels_come_in_the_order_of_their_chunks():
    by_text = {fenced("one"): SAFE, fenced("two"): HATE, fenced("three"): SAFE}
    labels = label(lambda asked: by_text[asked.messages[-1]["content"]], CHUNKS)
    assert [given.verdict for given in labels] == [Verdict.SAFE, Verdict.UNSAFE, Verdict.SAFE]
    assert (labels[1].verdict, labels[1].category, labels[1].score) == (Verdict.UNSAFE, Category.HATE, 0.95)
    assert labels[1].native == "unsafe, hate"
    assert labels[1].prompt_tokens and labels[1].completion_tokens


def test_the_chances_of_tokens_are_asked_for_and_make_the_score():
    chances = (TokenChances("safe", (("safe", math.log(0.6)), ("unsafe", math.log(0.2)))),)
    model = ScriptedModel(
        [Completion("Safety: Safe\nCategories: None", chances=(TokenChances("Safety: ", ()), *chances))]
    )
    asked = guard(model, format="qwen3guard")
    (given,) = asyncio.run(asked.label(CHUNKS[:1]))
    assert (given.verdict, given.score) == (Verdict.SAFE, pytest.approx(0.25))
    assert [one.top_logprobs for one in model.requests] == [5]


@pytest.mark.parametrize(
    ("verdict", "said", "category"),
    [("safe", "hate", Category.NONE), ("unsafe", "none", Category.OTHER), ("controversial", "none", Category.OTHER)],
)
def test_category_that_contradicts_the_verdict_gives_way_and_stays_in_the_native_label(verdict, said, category):
    (given,) = label([json.dumps({"verdict": verdict, "category": said})])
    assert (given.verdict, given.category, given.native) == (Verdict(verdict), category, f"{verdict}, {said}")


def test_no_chunks_get_no_labels():
    assert label([], []) == []


def test_unparsable_answer_is_asked_for_again_with_another_seed_and_some_warmth():
    model = ScriptedModel(["I am not sure.", '{"verdict": "grim", "category": "none"}', HATE])
    (given,) = label(model)
    assert given.verdict is Verdict.UNSAFE
    assert len({asked.seed for asked in model.requests}) == 3
    assert [asked.temperature for asked in model.requests] == [0.0, 0.7, 0.7]


def test_chunk_that_stays_unparsable_gets_the_fallbacks_label_and_says_so():
    model = ScriptedModel(["I am\nnot sure."] * LABEL_TRIES)
    (given,) = label(model)
    assert (given.verdict, given.category, given.score) == (BUILTIN.verdict, BUILTIN.category, BUILTIN.score)
    assert (given.native, given.words) == ("unparsable: I am not sure.", BUILTIN.words)
    assert given.completion_tokens == LABEL_TRIES * 4
    assert len(model.requests) == LABEL_TRIES


def test_chunk_that_the_server_rejects_gets_the_fallbacks_label_at_once():
    (given,) = label([RequestRejected("400: too long")])
    assert (given.verdict, given.native) == (BUILTIN.verdict, "rejected: 400: too long")


def test_answer_that_was_cut_off_is_no_label():
    (given,) = label([Completion('{"verdict": "saf', "length")] * LABEL_TRIES)
    assert given.native.startswith("unparsable: ")


@pytest.mark.parametrize("error", [TeacherUnavailable("gone"), TeacherUnauthorized("401")])
def test_guard_that_cannot_be_asked_is_an_error_and_leaves_no_call_behind(error):
    async def go():
        asked = guard(lambda request: error if request.messages[-1]["content"] == fenced("two") else SAFE)
        with pytest.raises(type(error)):
            await asked.label(CHUNKS * 20)
        return len(asyncio.all_tasks())

    assert asyncio.run(go()) == 1


def test_provenance_names_the_model_the_prompt_and_the_sampling():
    provenance = guard([], seed=3).provenance
    assert (provenance.role, provenance.model, provenance.prompt) == ("guard", "m", "guard/generic")
    assert provenance.sampling == {
        "format": "generic",
        "controversial": "keep",
        "classes": "",
        "temperature": 0.0,
        "max_tokens": 60,
        "seed": 3,
    }
    assert provenance.endpoint == "scripted"


def test_closing_closes_the_fallback_too():
    closing = guard([])
    asyncio.run(closing.close())
    assert closing._fallback.closed


@pytest.mark.parametrize(
    ("controversial", "verdict", "category"),
    [
        ("keep", Verdict.CONTROVERSIAL, Category.PRIVACY),
        ("strict", Verdict.UNSAFE, Category.PRIVACY),
        ("loose", Verdict.SAFE, Category.NONE),
    ],
)
def test_controversial_is_read_as_the_recipe_says_and_the_native_label_stays(controversial, verdict, category):
    asked = guard(["Safety: Controversial\nCategories: PII"], format="qwen3guard", controversial=controversial)
    (given,) = asyncio.run(asked.label(CHUNKS[:1]))
    assert (given.verdict, given.category, given.native) == (verdict, category, "Controversial: PII")
    assert asked.provenance.key != guard([], format="qwen3guard", controversial="keep", seed=1).provenance.key


def test_a_format_of_several_questions_costs_all_of_them():
    model = ScriptedModel(["No", "Yes", "No", "No"])
    (given,) = asyncio.run(guard(model, format="shieldgemma").label(CHUNKS[:1]))
    assert given.verdict is Verdict.UNSAFE
    assert given.completion_tokens == 4
    assert len(model.requests) == 4


def test_who_answered_is_kept():
    (given,) = label([Completion(SAFE, endpoint="http://gpu-2")])
    assert given.endpoint == "http://gpu-2"
