"""The compose file, the image, and what watches over them are in step with the code."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main
import yaml

from reflectgen.api.metrics import Metrics
from reflectgen.cli.app import app
from reflectgen.jobs import do_train
from reflectgen.jobs.broker import CONTROL
from reflectgen.jobs.ledger import FINISH_SECONDS
from reflectgen.jobs.offered_trainings import read_trainings
from reflectgen.jobs.queue import QUEUE_OF, TRAIN
from reflectgen.jobs.registry import read_registry
from reflectgen.local.stack import TRAIN_QUEUE, TRAIN_STOP_SECONDS, WORK_QUEUES
from reflectgen.settings import PREFIX, ServiceSettings, Settings, read_service_settings
from reflectgen.store import Store
from reflectgen.store.partitions import PARTITION_MILLISECONDS
from workers import health

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
FILE = yaml.safe_load(COMPOSE)
SERVICES = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if "reflectgen" in service["image"]}
REFERENCE = re.compile(r"(?<!\$)\$\{(\w+)(?::?([-?])([^}]*))?\}")
EXAMPLE = dict(
    line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"\w+=", line)
)
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# Not for .env: which images and package index an operator builds with.
BUILD_ONLY = {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"}


def commands(service):
    """The command lines of a service: a shell's are taken apart."""
    command = service["command"]
    script = command[2] if command[:2] == ["sh", "-c"] else shlex.join(command)
    return [shlex.split(part.removeprefix("exec ")) for part in re.split(r"\s*&&\s*", script.strip())]


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_of_ours_with_options_that_it_has(name):
    for program, *arguments in commands(OURS[name]):
        if program == "celery":
            continue  # tried by the next test
        assert program == "reflectgen"
        group = typer.main.get_command(app)
        while arguments and hasattr(group, "commands"):
            group = group.commands[arguments.pop(0)]
        group.make_context(group.name, arguments)  # an unknown option is an error


@pytest.mark.parametrize("name", ["worker", "train", "beat"])
def test_celery_knows_the_options_of_its_commands(name):
    from celery.bin.celery import celery

    (line,) = [line for line in commands(OURS[name]) if line[0] == "celery"]
    assert line[1:3] == ["-A", "workers.app"]
    known = {option for parameter in celery.commands["worker"].params for option in parameter.opts}
    assert {part for part in line[4:] if part.startswith("--")} <= known


def test_every_queue_has_a_worker_and_the_reconciler_has_its_own():
    def queues(name):
        (line,) = [line for line in commands(OURS[name]) if line[0] == "celery"]
        return set(line[line.index("--queues") + 1].split(","))

    assert queues("train") == {TRAIN}
    assert queues("worker") == set(QUEUE_OF.values()) - {TRAIN}
    assert queues("beat") == {CONTROL}
    assert queues("worker") == set(WORK_QUEUES.split(",")) and queues("train") == {TRAIN_QUEUE}
    assert "--beat" in OURS["beat"]["command"][2] and "--beat" not in OURS["worker"]["command"][2]


def test_every_setting_of_the_service_can_be_set_and_no_other():
    given = {name for name in OURS["worker"]["environment"] if name.startswith(PREFIX)}
    known = {PREFIX + name.upper() for model in (ServiceSettings, Settings) for name in model.model_fields}
    assert given == known


def test_the_environment_of_each_part_is_one_that_the_settings_read():
    for name, service in OURS.items():
        environ = {key: _resolved(str(value), EXAMPLE) for key, value in service["environment"].items()}
        settings = read_service_settings(environ)
        assert settings.data == Path("/data"), name
        assert "postgres:5432" in settings.database.get_secret_value()
        assert settings.redis_url is not None and "redis:6379" in settings.redis_url.get_secret_value()


def _resolved(value, environ):
    return REFERENCE.sub(lambda found: environ.get(found[1], "") or (found[3] or ""), value)


def test_model_keys_go_to_workers_alone():
    secrets = {PREFIX + name.upper() for name in Settings.model_fields} | {"VLLM_API_KEY"}
    holders = {name for name, service in OURS.items() if secrets & service["environment"].keys()}
    assert holders == {"worker"}


def test_every_variable_of_the_file_is_in_the_example_and_none_is_there_for_nothing():
    named = {found[1] for found in REFERENCE.finditer(COMPOSE)} - BUILD_ONLY
    images = {name for name in named if name.endswith("_IMAGE")}
    assert named - images - EXAMPLE.keys() == set()
    assert EXAMPLE.keys() - named == {"COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"}


def test_the_defaults_of_the_file_are_those_of_the_example():
    for found in REFERENCE.finditer(COMPOSE):
        if found[1] in EXAMPLE and found[2] == "-":
            assert found[3] == EXAMPLE[found[1]], found[1]


def test_a_copy_of_the_example_has_passwords_of_its_own(tmp_path):
    for name in ("Makefile", ".env.example"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    subprocess.run(["make", "--silent", ".env"], cwd=tmp_path, check=True, capture_output=True)
    made = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines() if re.match(r"\w+=", line))
    secrets = [name for name, value in EXAMPLE.items() if value == "change-me"]
    assert secrets == ["POSTGRES_PASSWORD", "REDIS_PASSWORD", "GRAFANA_PASSWORD"]
    assert len({made[name] for name in secrets}) == len(secrets)
    assert all(re.fullmatch(r"[0-9a-f]{48}", made[name]) for name in secrets)
    assert made == EXAMPLE | {name: made[name] for name in secrets}
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_profiles_are_those_that_the_example_names():
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    watching = {"prometheus": ["observability"], "grafana": ["observability"]}
    assert profiles == {"vllm": ["gpu"], "train": ["train"], **watching}
    described = (ROOT / ".env.example").read_text()
    assert all(re.search(rf"\b{profile}\b", described) for profile in ("cpu", "gpu", "train", "observability"))
    assert SERVICES["vllm"]["image"].startswith("${VLLM_IMAGE:-vllm/vllm-openai:")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_or_ends_by_itself(name):
    check = SERVICES[name].get("healthcheck", {})
    assert "test" in check or (name == "migrate" and check == {"disable": True})


def test_health_checks_of_ours_name_their_part():
    for name, part in (("api", "api"), ("worker", "worker"), ("train", "worker"), ("beat", "beat")):
        assert OURS[name]["healthcheck"]["test"] == ["CMD", "python", "-m", "workers.health", part]
        assert part in (*health.PARTS, "api")
    assert '["python", "-m", "workers.health"]' in DOCKERFILE


def test_the_port_is_the_same_everywhere():
    (line,) = [line for line in commands(OURS["api"]) if line[1] == "api"]
    port = line[line.index("--port") + 1]
    assert f"http://127.0.0.1:{port}/readyz" == health.READY
    assert f"EXPOSE {port}" in DOCKERFILE and f'"--port", "{port}"' in DOCKERFILE
    assert OURS["api"]["ports"] == [f"${{API_ADDRESS:-127.0.0.1}}:${{API_PORT:-{port}}}:{port}"]
    assert f"api:{port}" in (ROOT / "deploy/prometheus/prometheus.yml").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_may_gain_rights_and_ours_are_read_only_and_not_root(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name in OURS:
        assert service["read_only"] is True
        assert int(service["user"].split(":")[0]) > 0
        assert f"USER {service['user']}" in DOCKERFILE


def test_only_the_api_and_grafana_are_published_and_on_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"api", "grafana"}
    assert all(port.startswith("${API_ADDRESS:-127.0.0.1}:") for ports in published.values() for port in ports)


def test_database_and_queue_are_on_the_network_that_leads_nowhere():
    assert FILE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]


def test_redis_has_a_password_keeps_its_queues_and_forgets_nothing():
    script = SERVICES["redis"]["command"][2]
    assert {"appendonly yes", "maxmemory-policy noeviction", "requirepass $$REDISCLI_AUTH"} <= {
        line.strip() for line in script.splitlines()
    }


def test_vacuum_gives_way_to_a_deletion_long_before_the_deletion_gives_up():
    (option,) = [word for word in SERVICES["postgres"]["command"] if word.startswith("deadlock_timeout=")]
    assert 0 < int(re.fullmatch(r"deadlock_timeout=(\d+)ms", option)[1]) < PARTITION_MILLISECONDS / 2
    assert option in (ROOT / "reflectgen/local/postgres.py").read_text()


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose is not installed")
@pytest.mark.parametrize("profile", ["cpu", "gpu", "train", "observability"])
def test_compose_itself_reads_the_file_with_each_profile(profile, tmp_path):
    (tmp_path / "env").write_text((ROOT / ".env.example").read_text())
    line = ["docker-compose", "--env-file", str(tmp_path / "env"), "--profile", profile, "config"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    assert {name for name, service in SERVICES.items() if profile in service.get("profiles", [])} <= read.keys()
    assert "deadlock_timeout=200ms" in read["postgres"]["command"]
    assert not REFERENCE.search(done.stdout)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool, which comes with Prometheus, is not installed")
def test_prometheus_itself_reads_its_configuration_and_rules():
    for line in (["config", "--syntax-only", "prometheus.yml"], ["rules", "alerts.yml"]):
        done = subprocess.run(
            ["promtool", "check", *line], cwd=ROOT / "deploy/prometheus", capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_one_that_grafana_loads_and_asks_the_source_that_is_provided():
    provisioning = ROOT / "deploy/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/reflectgen.yml").read_text())["providers"]
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted
    assert source["url"] == "http://prometheus:9090"
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/reflectgen.json").read_text())
    assert {"uid", "title", "schemaVersion", "panels"} <= dashboard.keys()
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        assert panel["datasource"] == {"type": "prometheus", "uid": source["uid"]}, panel["title"]
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


def test_who_is_stopped_has_more_time_than_the_calls_in_flight():
    for name in ("worker", "beat"):
        assert seconds(OURS[name]["stop_grace_period"]) > FINISH_SECONDS
        # With it a worker would tell its tasks nothing before the time is over.
        assert "REMAP_SIGTERM" not in OURS[name]["environment"]
    assert seconds(OURS["train"]["stop_grace_period"]) == TRAIN_STOP_SECONDS > do_train.FINISH_SECONDS
    assert "REMAP_SIGTERM" not in OURS["train"]["environment"]


def test_only_the_image_of_the_worker_that_trains_has_torch():
    builds = {name: service["build"]["args"].get("EXTRAS") for name, service in OURS.items() if "build" in service}
    assert builds == {"migrate": None, "train": "service otel train"}
    (default,) = re.findall(r'^ARG EXTRAS="(.*)"$', DOCKERFILE, re.MULTILINE)
    assert default == "service otel"
    assert "scripts/dependencies.py $EXTRAS " in DOCKERFILE
    images = {service["image"] for name, service in OURS.items() if name != "train"}
    assert len(images) == 1 and OURS["train"]["image"] not in images


def test_api_and_workers_share_their_files_and_see_the_registry():
    for name in ("api", "worker", "train"):
        assert "data:/data" in OURS[name]["volumes"]
        assert any(volume.endswith(":/etc/reflectgen/registry.toml:ro") for volume in OURS[name]["volumes"])
    for name in ("api", "train"):  # beside the registry, from whose folder on its paths are
        assert any(volume.endswith(":/etc/reflectgen/trainings:ro") for volume in OURS[name]["volumes"])
    assert all(service["environment"]["REFLECTGEN_DATA"] == "/data" for service in OURS.values())


def test_nobody_works_before_the_schema_is_current():
    for name in ("api", "worker", "train", "beat"):
        assert OURS[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert commands(OURS["migrate"])[0][:3] == ["reflectgen", "db", "upgrade"]


def test_the_file_is_read_by_old_and_new_compose():
    def mappings(node):
        if isinstance(node, yaml.MappingNode):
            yield node
        children = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        for child in children if isinstance(node, yaml.CollectionNode) else ():
            yield from mappings(child)

    for mapping in mappings(yaml.compose(COMPOSE)):
        keys = [key.value for key, _ in mapping.value]
        assert len(keys) == len(set(keys)), (
            f"{keys} at {mapping.start_mark}: the new one takes no key twice, not even <<"
        )
    assert "version" not in FILE and "name" not in FILE and "include" not in FILE


@pytest.mark.parametrize("name", ["cpu", "gpu", "train"])
def test_the_registries_that_ship_can_be_used(name):
    path = ROOT / "deploy" / "registry" / f"{name}.toml"
    registry = read_registry(path)
    assert "builtin" in registry.recipes
    assert list(read_trainings(registry, path)) == (["nano"] if name == "train" else [])


def test_alerts_and_dashboard_name_only_what_is_measured(tmp_path):
    with Store(tmp_path / "a.sqlite") as store:
        metrics = Metrics(store)
        metrics.answered("GET", "/v1/jobs", 200, 0.1)
        text = metrics.text().decode()
    exposed = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/reflectgen.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    alerts = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    asked += [rule["expr"] for rule in rules]
    named = {
        re.sub(r"_(bucket|sum|count)$", "", name) for text in asked for name in re.findall(r"reflectgen_\w+", text)
    }
    assert named - exposed == set()
    assert {"reflectgen_tasks", "reflectgen_jobs"} <= named
    pickings = [found for expr in asked for found in re.findall(r"(reflectgen_\w+)\{(.*?)\}", expr)]
    assert len(pickings) > 5
    for name, picked in pickings:
        samples = re.findall(rf"^{name}\{{(.*?)\}} ", text, re.MULTILINE)
        for label, sign, value in re.findall(r'(\w+)(=~|!~|=)"(.*?)"', picked):
            assert any(f'{label}="' in sample for sample in samples), (name, label)
            # A state without anything in it is exposed all the same: what is first counted as 1 has not risen.
            assert sign != "=" or any(f'{label}="{value}"' in sample for sample in samples), (name, value)
