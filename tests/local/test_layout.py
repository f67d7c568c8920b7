"""What the first `up` chose holds for those that follow, and nobody else reads it."""

import socket

from reflectgen.local.layout import Layout, Status, is_free, usable_port, write_private


def test_passwords_and_ports_are_kept(tmp_path):
    layout = Layout(tmp_path)
    layout.make()
    first = layout.choices()
    assert layout.choices() == first
    assert first.postgres_password != first.redis_password and len(first.redis_password) == 48
    assert first.database is None
    layout.keep(first, "sqlite")
    assert layout.choices().database == "sqlite"


def test_a_port_that_somebody_took_meanwhile_is_another_one_the_next_time(tmp_path):
    layout = Layout(tmp_path)
    layout.make()
    first = layout.choices()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first.redis_port))
        taken.listen()
        assert not is_free(first.redis_port)
        assert layout.choices().redis_port != first.redis_port
    assert usable_port(first.redis_port) == first.redis_port


def test_only_the_owner_reads_what_is_private_and_others_only_pass_through(tmp_path):
    layout = Layout(tmp_path)
    layout.make()
    layout.choices()
    write_private(layout.environment, "a secret")
    for path in (layout.environment, layout.stack / "choices.json"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert layout.stack.stat().st_mode & 0o777 == 0o711
    assert layout.logs.stat().st_mode & 0o777 == 0o700


def test_there_is_no_status_before_anything_was_started(tmp_path):
    assert Status.of(Layout(tmp_path)) is None
