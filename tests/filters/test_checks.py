import asyncio
import json
from dataclasses import dataclass, field

import pytest

from reflectgen.errors import RecipeError
from reflectgen.filters.candidate import UNSCORED
from reflectgen.filters.checks import checks_from_spec, first_objection
from reflectgen.filters.guarded_rationale import GuardedRationale
from reflectgen.filters.judge import Judge
from reflectgen.filters.spec import to_spec
from reflectgen.filters.verdict_flip import VerdictFlip
from reflectgen.llm.completion import ChatModel
from reflectgen.llm.scripted import ScriptedModel
from reflectgen.records import ACCEPTED, Category, Label, Verdict
from reflectgen.reflection.roles import Guard, Teacher
from tests.filters.making import candidate
from tests.filters.teachers import AnsweringGuard, AnsweringTeacher

SAFE = Label(Verdict.SAFE, Category.NONE, 0.0)
UNSAFE = Label(Verdict.UNSAFE, Category.OTHER, 1.0)


@dataclass
class Roles:
    guard: Guard = field(default_factory=lambda: AnsweringGuard(SAFE))
    teachers: list[Teacher] = field(default_factory=lambda: [AnsweringTeacher(Verdict.SAFE)])
    judge: ChatModel | None = field(default_factory=lambda: ScriptedModel(["not JSON"]))
    judge_model: str = "judge-model"


SPEC = [
    {"name": "verdict_flip"},
    {"name": "guarded_rationale", "min_score": 0.5},
    {"name": "judge", "min_grade": 4, "seed": 0},
]


def test_checks_get_their_roles_and_parameters() -> None:
    roles = Roles()
    assert checks_from_spec(SPEC, roles) == (
        VerdictFlip(roles.teachers[0]),
        GuardedRationale(roles.guard, 0.5),
        Judge(roles.judge, "judge-model", 4),
    )


def test_checks_survive_the_way_through_json_and_their_roles_stay_out_of_it() -> None:
    checks = checks_from_spec(SPEC, Roles())
    assert json.loads(json.dumps(to_spec(checks))) == SPEC


@pytest.mark.parametrize(
    ("entry", "roles"),
    [
        ({"name": "judge"}, Roles(judge=None)),
        ({"name": "verdict_flip"}, Roles(teachers=[])),
        ({"name": "jury"}, Roles()),
        ({"name": "length"}, Roles()),
        ({"name": "judge", "model": "x"}, Roles()),
        ({"name": "judge", "min_grade": 9}, Roles()),
        ({"name": "judge", "min_grade": "5"}, Roles()),
        ({"name": "guarded_rationale", "min_score": 2}, Roles()),
        ({"name": "guarded_rationale", "min_score": True}, Roles()),
    ],
)
def test_what_a_recipe_does_not_know_or_nobody_can_do_is_an_error(entry: dict[str, object], roles: Roles) -> None:
    with pytest.raises(RecipeError):
        checks_from_spec([entry], roles)


def test_the_first_check_to_object_names_the_reason_and_the_others_are_not_asked() -> None:
    model = ScriptedModel(["not JSON"])
    checks = [GuardedRationale(AnsweringGuard(UNSAFE)), Judge(model, "judge-model")]
    assert asyncio.run(first_objection(candidate(), checks)).reason == "guarded_rationale"
    assert model.requests == []


def test_an_answer_that_was_missing_is_not_forgotten() -> None:
    checks = [Judge(ScriptedModel(["not JSON"]), "judge-model"), GuardedRationale(AnsweringGuard(SAFE))]
    assert asyncio.run(first_objection(candidate(), checks)) is UNSCORED


def test_without_checks_everything_is_accepted() -> None:
    assert asyncio.run(first_objection(candidate(), [])) is ACCEPTED
