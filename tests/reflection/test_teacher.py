import asyncio
import json

import pytest
from pydantic import ValidationError

from reflectgen.errors import PromptError, RequestRejected, TeacherUnavailable
from reflectgen.llm.completion import Completion
from reflectgen.llm.scripted import ScriptedModel
from reflectgen.records import Category, Chunk, Label, Verdict
from reflectgen.reflection.passage import fenced
from reflectgen.reflection.teacher import REFLECTION_SCHEMA, OpenAITeacher, TeacherOptions, seed_of

CHUNK = Chunk("doc", 3, 0, 34, "Leaves turn light into sugar daily")
LABEL = Label(Verdict.UNSAFE, Category.HATE, 0.9)
REPLY = json.dumps(
    {"evidence": "light into sugar", "verdict": "safe", "category": "none", "rationale": "It explains photosynthesis."}
)


def reflect(model, attempt=0, chunk=CHUNK, **options):
    teacher = OpenAITeacher(model, TeacherOptions(model="m", **options))
    return asyncio.run(teacher.reflect(chunk, LABEL, attempt))


def test_reply_holds_the_reflection_its_seed_and_its_tokens():
    reply = reflect(ScriptedModel([Completion(REPLY, prompt_tokens=700, completion_tokens=60)]))
    assert reply.reflection.rationale == "It explains photosynthesis."
    assert (reply.prompt_tokens, reply.completion_tokens) == (700, 60)
    assert reply.seed == seed_of(0, 0)


def test_passage_is_all_of_the_last_message_and_stands_in_its_fence():
    model = ScriptedModel([REPLY])
    reflect(model)
    assert model.requests[0].messages[-1] == {"role": "user", "content": fenced(CHUNK.text)}


def test_question_says_nothing_of_the_guards_label():
    model = ScriptedModel([REPLY])
    reflect(model)
    asked = json.dumps(model.requests[0].messages[1:])
    assert "hate" not in asked
    assert "unsafe" not in asked


def test_instructions_are_the_same_bytes_for_every_chunk_so_that_they_are_computed_once():
    model = ScriptedModel([REPLY, REPLY])
    reflect(model)
    reflect(model, chunk=Chunk("other", 0, 0, 1, "?"))
    first, second = (asked.messages[0] for asked in model.requests)
    assert first == second
    assert first["role"] == "system"


def test_instructions_explain_every_verdict_category_and_field():
    model = ScriptedModel([REPLY])
    reflect(model)
    written = model.requests[0].messages[0]["content"]
    for name in [*Verdict, *Category, *REFLECTION_SCHEMA["properties"]]:
        assert f'"{name}"' in written


def test_every_attempt_asks_with_another_seed_and_none_with_chance():
    model = ScriptedModel([REPLY] * 4)
    for attempt in (0, 1, 2, 0):
        reflect(model, attempt)
    seeds = [asked.seed for asked in model.requests]
    assert len(set(seeds[:3])) == 3
    assert seeds[0] == seeds[3]


def test_the_seed_depends_on_recipe_and_attempt_so_that_equal_chunks_are_one_question():
    seeds = {seed_of(recipe, attempt) for recipe in (0, 1) for attempt in (0, 1)}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_refusal_is_a_problem_with_its_words_kept():
    reply = reflect(ScriptedModel(["I'm sorry, but I can't help with that."]))
    assert (reply.reflection, reply.problem) == (None, "not_json")
    assert reply.text == "I'm sorry, but I can't help with that."


def test_reply_that_was_cut_off_is_truncated():
    assert reflect(ScriptedModel([Completion(REPLY[:40], "length")])).problem == "truncated"


@pytest.mark.parametrize("error", [RequestRejected("400"), TeacherUnavailable("gone")])
def test_teacher_that_cannot_be_asked_is_an_error(error):
    with pytest.raises(type(error)):
        reflect(ScriptedModel([error]))


def test_provenance_names_the_model_the_prompt_and_the_sampling():
    teacher = OpenAITeacher(ScriptedModel([], endpoint="http://h/v1"), TeacherOptions(model="m", seed=7))
    provenance = teacher.provenance
    assert (provenance.role, provenance.model, provenance.prompt) == ("teacher", "m", "reflection/contextual")
    assert len(provenance.prompt_sha256) == 64
    assert provenance.sampling == {"temperature": 0.7, "max_tokens": 400, "seed": 7}
    assert provenance.endpoint == "http://h/v1"
    assert provenance.code_version


def test_extra_fields_travel_with_the_request_and_the_provenance():
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    model = ScriptedModel([REPLY])
    reflect(model, extra=extra)
    assert model.requests[0].extra == extra
    provenance = OpenAITeacher(model, TeacherOptions(model="m", extra=extra)).provenance
    assert json.loads(provenance.sampling["extra"]) == extra
    assert provenance.key != OpenAITeacher(model, TeacherOptions(model="m")).provenance.key


def test_endpoint_does_not_change_what_a_reflection_is_known_by():
    here, there = (
        OpenAITeacher(ScriptedModel([], endpoint=url), TeacherOptions(model="m")).provenance
        for url in ("http://a", "http://b")
    )
    assert here.key == there.key


def test_unknown_prompt_is_an_error_before_anything_is_asked():
    with pytest.raises(PromptError):
        OpenAITeacher(ScriptedModel([]), TeacherOptions(model="m", prompt="reflection/none"))


@pytest.mark.parametrize("wrong", [{"temperature": -1}, {"max_tokens": 1}, {"concurrency": 5}])
def test_impossible_options_are_refused(wrong):
    with pytest.raises(ValidationError):
        TeacherOptions(model="m", **wrong)
