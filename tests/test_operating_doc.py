"""The operator's page is in step with the code: settings, alerts, commands."""

import re
import shlex
import subprocess
from pathlib import Path

import typer.main
import yaml

from reflectgen.cli.app import app
from reflectgen.settings import PREFIX, ServiceSettings, Settings

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "operating.md").read_text()
BLOCKS = [block.partition("\n")[2] for block in PAGE.split("```")[1::2] if block.startswith("sh\n")]
COMMAND = re.compile(r"^(?:docker-compose exec api )?(reflectgen [^|#&<>\n]*)", re.MULTILINE)


def test_every_setting_has_its_line_and_no_other_is_named():
    known = {PREFIX + name.upper() for model in (ServiceSettings, Settings) for name in model.model_fields}
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith(f"| `{PREFIX}"))
    assert set(re.findall(rf"`({PREFIX}\w+)`", rows)) == known
    assert set(re.findall(rf"{PREFIX}\w+", PAGE)) == known


def test_every_alert_is_explained_and_no_other():
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"]]
    section = PAGE.partition("## Alerts")[2].partition("\n## ")[0]
    assert re.findall(r"^### (\w+)$", section, re.MULTILINE) == alerts


def test_the_blocks_are_shell_and_their_commands_are_ours():
    assert len(BLOCKS) > 5
    for block in BLOCKS:
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)
    lines = [match for block in BLOCKS for match in COMMAND.findall(block)]
    assert len(lines) > 10
    for line in lines:
        _, *arguments = shlex.split(line)
        group = typer.main.get_command(app)
        while arguments and hasattr(group, "commands"):
            group = group.commands[arguments.pop(0)]
        group.make_context(group.name, arguments)  # an unknown option is an error
