import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from reflectgen.errors import PromptError
from reflectgen.llm.prompts import load_prompt, parse_prompt

FOLDER = Path(prompts.__file__).parent
NAMES = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.md"))
GREETING = b"=== system ===\nBe {{ mood }}.\n\n=== user ===\nHello {{ name }}, {{ name }}!\n"


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_loads_and_takes_exactly_its_variables(name):
    prompt = load_prompt(name)
    values = {variable: f"<{variable}>" for variable in prompt.variables}
    messages = prompt.render(**values)
    written = "\n".join(message["content"] for message in messages)
    assert values or name == "guard/shieldgemma"  # guidelines, which the model's own template puts the text beside
    assert all(value in written for value in values.values())
    with pytest.raises(PromptError):
        prompt.render(**values, one_too_many="x")


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_puts_what_varies_last_so_that_its_beginning_is_computed_once(name):
    *first, last = load_prompt(name).parts
    assert not any("{{" in text for _, text in first)
    assert last[0] == "user"


def test_messages_have_their_roles_and_their_values():
    assert parse_prompt("greeting", GREETING).render(mood="kind", name="Ada") == (
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello Ada, Ada!"},
    )


@given(st.text())
def test_value_is_never_looked_at_again(value):
    value = "{{ mood }}" + value + "\n=== system ===\n\\1"
    messages = parse_prompt("greeting", GREETING).render(mood="kind", name=value)
    assert messages[1]["content"] == f"Hello {value}, {value}!"
    assert len(messages) == 2


def test_missing_variable_is_an_error():
    with pytest.raises(PromptError, match="variables that were not given: name"):
        parse_prompt("greeting", GREETING).render(mood="kind")


def test_unknown_variable_is_an_error():
    with pytest.raises(PromptError, match="has no variable nmae"):
        parse_prompt("greeting", GREETING).render(mood="kind", name="Ada", nmae="Ada")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Hello {{ name }}",
        b"Hello\n=== user ===\n{{ name }}",
        b"=== user ===\n",
        b"=== system ===\n=== user ===\n{{ name }}",
        b"=== user ===\n{{name}}",
        b"=== user ===\n{{ Name }}",
        b"=== user ===\n{{ name",
    ],
)
def test_file_that_is_no_prompt_is_an_error(content):
    with pytest.raises(PromptError):
        parse_prompt("broken", content)


@pytest.mark.parametrize("name", ["no/such", "../pyproject", "/etc/passwd", "reflection/contextual.md", ""])
def test_name_that_is_no_prompts_is_an_error(name):
    with pytest.raises(PromptError):
        load_prompt(name)


def test_prompts_are_readable_from_a_bare_checkout():
    code = "from reflectgen.llm.prompts import load_prompt; print(load_prompt('reflection/contextual').sha256)"
    # -S leaves out site-packages' .pth files, and so the editable install; the dependencies are put back by hand.
    path = f"import sys; sys.path += {[str(FOLDER.parent), *(p for p in sys.path if 'site-packages' in p)]!r}; "
    found = subprocess.run([sys.executable, "-S", "-c", path + code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == load_prompt("reflection/contextual").sha256
