"""docker-compose.yml and Dockerfile: that every command, path, port and variable in them exists in the project.

There is no Docker engine in these tests; `make ops-test` lets a Compose read the file.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dialer.settings import ProviderSettings, Settings, load_settings
from tests.architecture.test_docs import complaint
from tests.system.guarded import GuardedRedis
from workers import health

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {"migrate", "scheduler", "worker", "test-lane", "http", "flower"}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
#: Where the image and the neighbours' containers have what lies in the project.
MOUNTS = {"/opt/dialer/ops": "ops", "/ops/redis": "ops/redis", "/etc/prometheus": "ops/prometheus"}
MOUNTS |= {"/etc/grafana/provisioning": "ops/grafana/provisioning", "/etc/grafana/dashboards": "ops/grafana/dashboards"}
USERS_OWN = {"./dialer.toml"}


def words(service: str) -> list[str]:
    return [str(word) for word in SERVICES[service].get("command", [])]


def environment(service: str) -> dict[str, str]:
    return {name: str(value) for name, value in SERVICES[service].get("environment", {}).items()}


def ran(service: str) -> list[str]:
    """The words of its health check, without Docker's own."""
    test = SERVICES[service]["healthcheck"].get("test", [])
    return [str(word) for word in test[1:]]


def test_everything_that_a_watched_dialer_needs_is_there() -> None:
    assert set(SERVICES) == OURS | {"redis", "postgres", "prometheus", "grafana"}


@pytest.mark.parametrize("service", sorted(OURS))
def test_our_commands_exist_with_their_options(service: str) -> None:
    program, *rest = words(service)
    if program == "dialer":
        assert complaint(rest) is None
        return
    assert (program, rest[:3]) == ("celery", ["-A", "workers.celery_app", "flower"])
    assert importlib.util.find_spec("workers.celery_app")


def test_every_path_leads_to_a_file_of_the_project() -> None:
    paths = re.findall(r"(/(?:opt/dialer/ops|ops/redis|etc/prometheus|etc/grafana)[\w./-]*)", TEXT)
    assert len(paths) >= 8
    for path in paths:
        mounts = [mount for mount in MOUNTS if path.startswith(mount)]
        assert mounts, path
        assert (ROOT / MOUNTS[mounts[0]] / path.removeprefix(mounts[0]).lstrip("/")).exists(), path


def test_every_volume_is_declared_or_lies_in_the_project() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            if source.startswith("./"):
                assert source in USERS_OWN or (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"], source


def test_nothing_listens_beyond_this_host_and_each_port_is_the_process_own() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"http", "flower", "prometheus", "grafana"}
    for name, ports in published.items():
        for port in ports:
            host, outer, inner = str(port).split(":")
            assert (host, outer) == ("127.0.0.1", inner)
            assert f":{inner}/" in " ".join(ran(name))
    assert "--port 8080" in " ".join(words("http"))
    scraped = yaml.safe_load((ROOT / "ops/prometheus/compose.yml").read_text(encoding="utf-8"))
    assert scraped["scrape_configs"][0]["static_configs"] == [{"targets": ["http:8080"]}]


def test_every_variable_that_it_wants_is_named_on_top_and_made_by_the_guide() -> None:
    wanted = set(re.findall(r"\$\{(\w+)", TEXT)) - {"DIALER_GID"}
    head = TEXT.split("\nx-dialer")[0]
    assert {variable for variable in wanted if variable not in head} == set()
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (names,) = re.findall(r"^for name in (.*); do$", guide, re.MULTILINE)
    made = {f"{name}_PASSWORD" for name in names.split()} | set(re.findall(r"([A-Z_]+)=(?:watcher:)?%s", guide))
    assert wanted <= made


@pytest.mark.parametrize("service", sorted(OURS))
def test_what_we_are_told_by_variables_is_a_configuration(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {name: value for name, value in environment(service).items() if name.startswith("DIALER_")}
    assert told.pop("DIALER_CONFIG") == SERVICES[service]["volumes"][0]["target"]
    (tmp_path / "dialer.toml").write_text("", encoding="utf-8")
    for name, value in told.items():
        monkeypatch.setenv(name, re.sub(r"\$\{[^}]*\}", "secret", value))
    settings: Settings = load_settings(tmp_path / "dialer.toml")
    assert settings.ledger_url() == "postgresql://dialer:secret@postgres/dialer"
    if service != "migrate":
        assert re.fullmatch(r"redis://[a-z]+:secret@redis:6379/0", settings.redis_address())


@pytest.mark.parametrize("service", ["scheduler", "worker", "test-lane"])
def test_health_is_a_heartbeat_and_no_question_to_celery(service: str) -> None:
    assert ran(service)[:3] == ["python", "-m", "workers.health"]
    assert ran(service)[3] in health.CHECKS
    assert "inspect" not in " ".join(ran(service))


@pytest.mark.parametrize("service", ["worker", "test-lane"])
def test_a_stop_waits_longer_than_a_request_may_take(service: str) -> None:
    grace = float(SERVICES[service]["stop_grace_period"].removesuffix("s"))
    assert grace > ProviderSettings.model_fields["deadline_seconds"].default


def test_every_service_has_a_health_check_and_starts_after_what_it_needs() -> None:
    for name, service in SERVICES.items():
        assert "healthcheck" in service, name
        for needed in service.get("depends_on", []):
            assert needed in SERVICES
    for name in OURS - {"migrate"}:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_ours_run_as_nobody_of_note_and_cannot_write() -> None:
    for name in OURS:
        service = SERVICES[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["user"].startswith("${DIALER_UID")


def test_the_image_is_made_of_what_is_there_and_runs_as_nobody_of_note() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source.rstrip("/") == name or source.startswith(f"{name}/") for name in kept) or any(
                name.startswith(source) for name in kept
            ), source
    user = re.findall(r"^USER (\d+)", DOCKERFILE, re.MULTILINE)[-1]
    assert int(user) > 0
    assert "python:3.13-slim" in DOCKERFILE


def test_redis_starts_by_that_very_command_and_lets_in_whom_it_should(tmp_path: Path) -> None:
    """Its script, run here: each role's password as its hash, and no way in for a role that has none."""
    assert "fill_users.sh /ops/redis/users.acl" in words("redis")[2]
    for option in ("--aclfile", "--appendonly yes", "--maxmemory-policy noeviction"):
        assert option in words("redis")[2]
    passwords = {name: f"{name}-secret" for name in environment("redis") if name.endswith("_PASSWORD")}
    run = ["sh", str(ROOT / "ops/redis/fill_users.sh"), str(ROOT / "ops/redis/users.acl")]
    done = subprocess.run(run, env=passwords | {"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True)
    users = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert set(users) == {"default", "health", "scheduler", "worker", "http", "flower"}
    assert f"#{hashlib.sha256(b'REDIS_WORKER_PASSWORD-secret').hexdigest()} " in users["worker"]
    assert "#@" not in done.stdout
    redis = GuardedRedis(tmp_path / "redis", persistent=False)
    redis.users.write_text(
        done.stdout.replace(users["default"], "user default on nopass ~* &* +@all"), encoding="utf-8"
    )
    with redis:
        assert redis.is_running
