import pytest

from reflectgen.errors import RecipeError
from reflectgen.jobs.recipe_file import RecipeFile, read_recipe_file

WHOLE = """
[endpoints.small]
url = "http://gpu-1:8000"
concurrency = 32
price_per_gpu_hour = 2.5

[endpoints.large]
url = "http://gpu-2:8000"
model = "big"
key_variable = "BIG_KEY"

[guard]
use = ["small"]

[teacher]
use = ["small"]
fallbacks = [["large"]]
temperature = 0.2

[policy]
ask = "flagged"
verdict = "teacher"
max_attempts = 3
"""


def read(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return read_recipe_file(path)


def test_a_recipe_says_who_guards_and_teaches_where_they_are_and_what_is_kept(tmp_path):
    recipe = read(tmp_path, WHOLE)
    assert recipe.endpoints["small"].concurrency == 32
    assert recipe.teacher.options("m").temperature == 0.2
    assert recipe.teacher.fallbacks == [["large"]]
    assert (recipe.policy.cascade.ask, recipe.policy.cascade.verdict) == ("flagged", "teacher")
    assert recipe.policy.max_attempts == 3


def test_an_empty_recipe_is_the_built_in_one(tmp_path):
    assert read(tmp_path, "") == RecipeFile()


def test_slots_are_as_many_as_guard_and_teacher_take_together(tmp_path):
    assert read(tmp_path, WHOLE).num_slots == 64
    assert RecipeFile().num_slots == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[teacher]\nuse = ['nowhere']", "no \\[endpoints.nowhere\\]"),
        ("[teacher]\ntemprature = 1", "teacher.temprature: there is no such key"),
        ("[guard]\ncontroversial = 'sometimes'", "guard.controversial"),
        ("[guard]\nmodel = 'm'", "guard.model: a model is named at its endpoint"),
        ("[teacher]\nmodel = 'm'", "teacher.model: a model is named at its endpoint"),
        ("[teacher]\nseed = 'x'", "teacher.seed"),
        ("[policy]\nask = 'sometimes'", "policy.ask"),
        ("[policy]\nband = [0.9, 0.1]", "the lower first"),
        ("[judge]\nuse = ['builtin']", "builtin stands alone"),
        ("[endpoints.a]\nconcurrency = 0", "endpoints.a.concurrency"),
        ("[wrong]\n", "wrong: there is no such key"),
        ("not toml", "not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text, said, tmp_path):
    with pytest.raises(RecipeError, match=said) as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_a_recipe_that_is_not_there_is_said_in_one_line(tmp_path):
    with pytest.raises(RecipeError, match="No such file"):
        read_recipe_file(tmp_path / "none.toml")
