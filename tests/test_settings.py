from reflectgen.settings import read_settings


def test_keys_come_from_the_environment():
    settings = read_settings({"REFLECTGEN_TEACHER_API_KEY": " sk-teacher\n", "REFLECTGEN_GUARD_API_KEY": "sk-guard"})
    assert settings.teacher_api_key.get_secret_value() == "sk-teacher"
    assert settings.guard_api_key.get_secret_value() == "sk-guard"


def test_what_is_unset_or_empty_is_no_key():
    settings = read_settings({"REFLECTGEN_TEACHER_API_KEY": "  ", "OPENAI_API_KEY": "sk-other"})
    assert settings.teacher_api_key is None
    assert settings.guard_api_key is None


def test_key_is_never_printed():
    settings = read_settings({"REFLECTGEN_TEACHER_API_KEY": "sk-canary"})
    assert "sk-canary" not in f"{settings} {settings!r} {settings.model_dump_json()}"
