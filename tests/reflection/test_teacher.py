import asyncio
import json

import pytest
from pydantic import ValidationError

from reflectgen.errors import PromptError, RequestRejected, TeacherUnavailable
from reflectgen.llm.completion import Completion
from reflectgen.llm.prompts import load_prompt, parse_prompt
from reflectgen.llm.scripted import ScriptedModel
from reflectgen.records import NO_NEIGHBOURS, Category, Chunk, Label, Neighbours, Reflection, Verdict
from reflectgen.reflection.passage import fenced, fenced_each
from reflectgen.reflection.teacher import (
    CONTEXTUAL,
    HINT,
    HINT_SCHEMA,
    OpenAITeacher,
    TeacherOptions,
    answer_kind,
    seed_of,
)

CHUNK = Chunk("doc", 3, 0, 34, "Leaves turn light into sugar daily")
LABEL = Label(Verdict.UNSAFE, Category.HATE, 0.9)
REPLY = json.dumps(
    {"evidence": "light into sugar", "verdict": "safe", "category": "none", "rationale": "It explains photosynthesis."}
)
HINT_REPLY = json.dumps({"verdict": "safe", "category": "none", "hint": "Describe how a root stores\nsugar."})
NEIGHBOURS = Neighbours("A lesson for class six.", "Roots store it.")
PROMPTS = ["reflection/contextual", "reflection/contextual_neighbours", "reflection/hint"]


def reflect(model, attempt=0, chunk=CHUNK, neighbours=NO_NEIGHBOURS, **options):
    teacher = OpenAITeacher(model, TeacherOptions(model="m", **options))
    return asyncio.run(teacher.reflect(chunk, LABEL, attempt, neighbours))


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


@pytest.mark.parametrize("prompt", PROMPTS)
def test_instructions_are_the_same_bytes_for_every_chunk_so_that_they_are_computed_once(prompt):
    model = ScriptedModel([REPLY, REPLY])
    reflect(model, prompt=prompt, neighbours=NEIGHBOURS)
    reflect(model, prompt=prompt, neighbours=Neighbours("", "=== system ==="), chunk=Chunk("other", 0, 0, 1, "?"))
    first, second = (asked.messages[0] for asked in model.requests)
    assert first == second
    assert first["role"] == "system"


@pytest.mark.parametrize("prompt", PROMPTS)
def test_instructions_explain_every_verdict_category_and_field(prompt):
    model = ScriptedModel([REPLY])
    reflect(model, prompt=prompt, neighbours=NEIGHBOURS)
    written = model.requests[0].messages[0]["content"]
    for name in [*Verdict, *Category, *model.requests[0].json_schema["properties"]]:
        assert f'"{name}"' in written


def test_the_instructions_are_known_without_any_text():
    teacher = OpenAITeacher(ScriptedModel([]), TeacherOptions(model="m", prompt="reflection/hint"))
    asked = teacher.question(CHUNK, 0, NEIGHBOURS)
    assert teacher.instructions == asked.messages[0]["content"]


def test_verdicts_and_categories_are_explained_in_the_same_words_everywhere():
    def explained(name):
        return [line for line in load_prompt(name).parts[0][1].splitlines() if line.startswith('   - "')]

    first, *others = map(explained, PROMPTS)
    assert len(first) == len(Verdict) + len(Category) - 1  # `none` is explained with the field
    assert all(other == first for other in others)


def test_neighbours_are_not_shown_unless_the_recipe_wants_them():
    model = ScriptedModel([REPLY, REPLY])
    reflect(model)
    reflect(model, neighbours=NEIGHBOURS)
    assert model.requests[0] == model.requests[1]


def test_neighbours_stand_in_fences_of_their_own_before_the_passage():
    model = ScriptedModel([REPLY])
    assert reflect(model, neighbours=NEIGHBOURS, prompt="reflection/contextual_neighbours").reflection is not None
    shown = fenced_each(before=NEIGHBOURS.before, after=NEIGHBOURS.after, passage=CHUNK.text)
    assert model.requests[0].messages[-1]["content"] == "\n\n".join(shown.values())


def test_neighbours_are_shown_by_the_prompts_variant_for_them():
    teacher = OpenAITeacher(ScriptedModel([]), TeacherOptions(model="m", neighbours=True))
    named = OpenAITeacher(ScriptedModel([]), TeacherOptions(model="m", prompt="reflection/contextual_neighbours"))
    assert teacher.wants_neighbours
    assert named.wants_neighbours
    assert teacher.provenance == named.provenance
    assert teacher.provenance.sampling["neighbours"]
    assert teacher.provenance.prompt_sha256 == load_prompt("reflection/contextual_neighbours").sha256
    assert not OpenAITeacher(ScriptedModel([]), TeacherOptions(model="m")).wants_neighbours


def test_a_hint_is_the_rationale_of_a_reflection_and_shows_what_it_leads_to():
    model = ScriptedModel([HINT_REPLY])
    reply = reflect(model, prompt="reflection/hint", neighbours=NEIGHBOURS)
    assert reply.reflection == Reflection(Verdict.SAFE, Category.NONE, "Describe how a root stores sugar.")
    (asked,) = model.requests
    assert asked.json_schema == HINT_SCHEMA
    assert NEIGHBOURS.after in asked.messages[-1]["content"]
    assert NEIGHBOURS.before not in asked.messages[-1]["content"]


@pytest.mark.parametrize("neighbours", [False, True])
def test_a_teacher_of_hints_always_wants_neighbours_and_says_that_it_bridges(neighbours):
    options = TeacherOptions(model="m", prompt="reflection/hint", neighbours=neighbours)
    teacher = OpenAITeacher(ScriptedModel([]), options)
    assert teacher.wants_neighbours
    assert teacher.bridges
    assert not OpenAITeacher(ScriptedModel([]), TeacherOptions(model="m")).bridges


@pytest.mark.parametrize("after", ["", " \n"])
def test_nothing_is_asked_where_a_hint_has_nothing_to_lead_to(after):
    model = ScriptedModel([HINT_REPLY])
    with pytest.raises(RequestRejected, match="no chunk follows"):
        reflect(model, prompt="reflection/hint", neighbours=Neighbours("Something.", after))
    assert model.requests == []


def test_the_question_is_what_is_asked():
    model = ScriptedModel([REPLY])
    teacher = OpenAITeacher(model, TeacherOptions(model="m", seed=3))
    asyncio.run(teacher.reflect(CHUNK, LABEL, 2))
    assert model.requests == [teacher.question(CHUNK, 2)]


def test_a_prompt_says_by_the_fields_it_names_what_is_asked_for():
    assert [answer_kind(load_prompt(name)) for name in PROMPTS] == [CONTEXTUAL, CONTEXTUAL, HINT]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("Say whether it is safe: {{ passage }}", 'must name "evidence", "verdict", "category", "rationale" or'),
        ('"verdict", "category", "hint" of {{ after }}', "no place for the chunk"),
        ('"verdict", "category", "hint" of {{ passage }} for {{ reader }}', "does not know: reader"),
    ],
)
def test_a_prompt_that_asks_for_nothing_known_is_refused(content, problem):
    with pytest.raises(PromptError, match=problem):
        answer_kind(parse_prompt("own", f"=== user ===\n{content}".encode()))


def test_every_attempt_asks_with_another_seed_and_none_with_chance():
    model = ScriptedModel([REPLY] * 4)
    for attempt in (0, 1, 2, 0):
        reflect(model, attempt)
    seeds = [asked.seed for asked in model.requests]
    assert len(set(seeds[:3])) == 3
    assert seeds[0] == seeds[3]


def test_the_seed_depends_on_recipe_attempt_and_group_alone():
    seeds = {seed_of(recipe, attempt, group) for recipe in (0, 1) for attempt in (0, 1) for group in (0, 1)}
    assert len(seeds) == 8
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
    assert provenance.sampling == {"neighbours": False, "temperature": 0.7, "max_tokens": 400, "seed": 7}
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
