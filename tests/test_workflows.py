"""What runs elsewhere, the workflows, the oldest packages, the hooks, agrees with what stands here."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_ext"))
from unstuck_site import ask_the_registry

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# YAML 1.1 reads the key "on" as true.
WORKFLOWS = {file.stem: yaml.safe_load(file.read_text(encoding="utf-8"))
             for file in sorted((ROOT / ".github/workflows").glob("*.yml"))}
JOBS = {f"{name}/{job}": content for name, flow in WORKFLOWS.items() for job, content in flow["jobs"].items()}


def pins(text):
    return dict(re.findall(r"(?m)^\s*([\w-]+)==([\w.]+)", text))


def requirements(name):
    return pins((ROOT / name).read_text(encoding="utf-8"))


def test_there_are_workflows_that_test_publish_and_check_links():
    assert set(WORKFLOWS) == {"test", "publish", "links"}
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in JOBS.items()}
    assert commands["test/book"] == ["make book", "make lint", "make test"]
    assert commands["test/oldest"] == ["make test-oldest"]
    assert commands["publish/build"] == ["make zip"]
    assert commands["links/links"] == ["make links"]
    assert list(WORKFLOWS["links"][True]) == ["schedule", "workflow_dispatch"]


def test_the_pythons_are_those_that_the_package_promises():
    promised = [c.rpartition(" ")[2] for c in PROJECT["classifiers"]]
    assert JOBS["test/book"]["strategy"]["matrix"]["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"
    assert f"Python {promised[0]} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")
    used = [step["with"]["python-version"] for job in JOBS.values() for step in job["steps"]
            if step.get("uses", "").startswith("actions/setup-python")]
    assert set(used) <= {*promised, "${{ matrix.python }}"}


def test_every_target_of_make_exists_and_is_explained():
    targets = set(re.findall(r"(?m)^([a-z][\w-]*):", MAKEFILE))
    asked = {word for job in JOBS.values() for step in job["steps"]
             for word in re.findall(r"\bmake ([\w-]+)", step.get("run", ""))}
    assert asked <= targets
    assert set(re.search(r"(?m)^\.PHONY: (.*)$", MAKEFILE)[1].split()) == targets
    assert set(re.findall(r'@echo "make ([\w-]+)', MAKEFILE)) == targets - {"help"}
    assert set(re.findall(r"`make ([a-z][\w-]*)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))) <= targets


@pytest.mark.parametrize("name", JOBS)
def test_a_job_ends_may_do_little_and_names_no_repository(name):
    job = JOBS[name]
    assert job["timeout-minutes"] <= 60
    may = {"publish/pages": {"pages": "write", "id-token": "write"}, "publish/release": {"contents": "write"},
           "publish/colab": {"contents": "write"}}
    assert job.get("permissions", {}) == may.get(name, {})
    for step in job["steps"]:
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/none@v1"))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_reads_only_runs_once_and_types_no_address(name):
    flow = WORKFLOWS[name]
    assert flow["permissions"] == {"contents": "read"}
    assert {"group", "cancel-in-progress"} == set(flow["concurrency"])
    text = (ROOT / f".github/workflows/{name}.yml").read_text(encoding="utf-8")
    assert not re.search(r"https?://|github\.(com|io)/", text)
    for pattern in re.findall(r"'([\w*./]+)'", " ".join(re.findall(r"hashFiles\((.*?)\)", text))):
        assert list(ROOT.glob(pattern)), pattern


def test_the_oldest_packages_are_the_ones_that_the_package_promises():
    oldest = requirements("requirements-oldest.txt")
    for line in PROJECT["dependencies"]:
        package, bound = line.split(">=")
        assert f"{oldest[package]}.".startswith(f"{bound}."), f"{package} {oldest[package]} is not {bound}"
    tools = oldest.keys() - {line.split(">=")[0] for line in PROJECT["dependencies"]}
    newest = requirements("requirements.txt") | requirements("requirements-test.txt")
    assert {tool: oldest[tool] for tool in tools} == {tool: newest[tool] for tool in tools}


def test_the_hooks_use_the_versions_of_the_tests():
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    hooks = repo["hooks"]
    newest = requirements("requirements.txt") | requirements("requirements-test.txt")
    wanted = pins("\n".join(line for hook in hooks for line in hook["additional_dependencies"]))
    assert wanted == {package: newest[package] for package in wanted} and len(wanted) == 2
    lint = re.search(r"(?m)^lint:.*\n((?:\t.*\n)+)", MAKEFILE)[1]
    assert "ruff check" in lint and "tools/notebooks.py check" in lint


# It answers every question with its code, and makes no more of an environment than its own name.
STAND_IN = """#!/bin/sh
case "$*" in "-m venv"*) mkdir "$3"; echo {name} > "$3/made";; esac
exit {code}
"""


def venv(folder, *pythons):
    command = ["sh", str(ROOT / "tools/venv.sh"), str(folder), *pythons]
    return subprocess.run(command, capture_output=True, text=True)


def test_an_environment_is_made_with_the_first_python_that_is_new_enough(tmp_path):
    for name, code in (("old", 1), ("new", 0), ("newer", 0)):
        python = tmp_path / name
        python.write_text(STAND_IN.format(name=name, code=code))
        python.chmod(0o755)
    run = venv(tmp_path / "env", "nowhere", *(str(tmp_path / name) for name in ("old", "new", "newer")))
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "env/made").read_text() == "new\n"


def test_without_such_a_python_one_sentence_says_so(tmp_path):
    run = venv(tmp_path / "env", "nowhere", "false")
    assert run.returncode == 1
    assert "needs Python 3.11 or newer" in run.stderr and "nowhere false" in run.stderr


def test_the_link_check_asks_the_registry_for_a_doi_and_others_directly():
    assert ask_the_registry(None, "https://doi.org/10.1/x") == "https://doi.org/api/handles/10.1/x"
    for uri in ("https://arxiv.org/abs/1", "https://doi.org/api/handles/10.1/x"):
        assert ask_the_registry(None, uri) == uri
