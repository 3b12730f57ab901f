"""Settings: what is wrong is said with its key, nothing passes silently, and every key is documented."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from node.errors import SettingsError
from node.network import DeliverySettings, Peer
from node.reasons import text
from node.settings import Section, Settings, load_settings
from pipelines.objects.profiles import PlanningProfile


def write(tmp_path: Path, content: str) -> Path:
    file = tmp_path / "node.yaml"
    file.write_text(content)
    return file


def test_defaults_are_a_node_on_loopback() -> None:
    settings = load_settings()
    assert settings.receive.host == "127.0.0.1"
    assert settings.destinations == ()
    assert settings.rules_file.exists()


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    content = "schema: 1\ndata: kept\nrules: r.yaml\ncompute: {packages: p}\naudit: {key_file: k/anchor.key}\n"
    settings = load_settings(write(tmp_path, content))
    assert settings.data == (tmp_path / "kept").resolve()
    assert settings.rules_file == tmp_path / "r.yaml"
    assert settings.packages_folder == tmp_path / "p"
    assert settings.audit.key_file == tmp_path / "k" / "anchor.key"


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHNODE_RECEIVE__PORT", "10999")
    settings = load_settings(write(tmp_path, "receive: {port: 11113, ae_title: HERE}\n"))
    assert (settings.receive.port, settings.receive.ae_title) == (10999, "HERE")


@pytest.mark.parametrize("name", ["SYNTHNODE_RECIEVE__PORT", "SYNTHNODE_RECEIVE__PROT"])
def test_a_misspelt_variable_does_not_pass_silently(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "10999")
    with pytest.raises(SettingsError, match="settings-invalid") as caught:
        load_settings()
    assert name.rpartition("_")[2].lower() in text(caught.value.reason).lower()


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("recieve: {port: 1}", "recieve"),
        ("receive: {prot: 1}", "receive.prot"),
        ("receive: {port: 70000}", "receive.port"),
        ("schema: 2", "schema"),
        ("settle: {quiet_seconds: -1}", "settle.quiet_seconds"),
        ("receive: {host: 0.0.0.0}", "may: [store]"),
        ("{receive: {host: 0.0.0.0}, peers: [{name: a, ae_title: A, host: h, may: [query]}]}", "may: [store]"),
        ("peers: [{name: a, ae_title: A, host: h, deliver: {}}]", "a: port"),
        ("peers: [{name: a, ae_title: A, host: h, may: [delete]}]", "peers.0.may.0"),
        ("peers: [{name: a, ae_title: A, host: h, research: true}]", "peers.0.research"),
        ("peers: [{name: a, ae_title: A, host: h}, {name: a, ae_title: B, host: h}]", "name"),
        ("peers: [{name: a, ae_title: SEVENTEEN-LETTERS, host: h}]", "peers.0.ae_title"),
        ("peers: [{name: a, ae_title: A, host: h, port: 1, deliver: {profile: tps}}]", "profile tps; known: (none)"),
        ("profiles: {tps: {kpv: '120'}}", "kpv"),
        ("compute: {devices: [cdua:0]}", "compute.devices.0"),
        ("database: {url: 'mysql://node@host/node'}", "database.url"),
        ("database: {url: 'postgresql://node@host'}", "database.url"),
        ("delivery: {retry_seconds: [.inf]}", "delivery.retry_seconds.0"),
        ("delivery: {give_up_after_hours: .inf}", "delivery.give_up_after_hours"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, content: str, key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, content))
    sentence = text(caught.value.reason)
    assert key in sentence
    assert "node.yaml" in sentence


@pytest.mark.hazard("HAZ-17")
@pytest.mark.parametrize(
    "url",
    ["postgresql://node:hunter2@host/node", "postgresql://node@host/node?password=hunter2"],
    ids=["user", "query"],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"database\.url.*passfile") as caught:
        load_settings(write(tmp_path, f"database: {{url: '{url}'}}\n"))
    assert "hunter2" not in text(caught.value.reason) + str(caught.value)


@pytest.mark.parametrize("content", ["receive:\n\tport: 1", "just words", "[1, 2]"])
def test_what_is_no_settings_file_is_said_so(tmp_path: Path, content: str) -> None:
    with pytest.raises(SettingsError, match="settings-not-yaml"):
        load_settings(write(tmp_path, content))


def test_a_missing_file_is_an_error_not_a_default(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="settings-unreadable"):
        load_settings(tmp_path / "none.yaml")


def documented(model: type[BaseModel]) -> list[str]:
    bare = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            bare += [f"{name}.{inner}" for inner in documented(kind)]
        elif not field.description:
            bare.append(name)
    return bare


def test_every_key_is_documented() -> None:
    assert documented(Settings) == []
    assert documented(Peer) == documented(DeliverySettings) == []


def test_a_destination_chooses_a_planning_profile(tmp_path: Path) -> None:
    settings = load_settings(
        write(
            tmp_path,
            "profiles: {tps: {kvp: '120', manufacturer: Maker}}\n"
            "peers: [{name: a, ae_title: A, host: h, port: 1, deliver: {profile: tps}}]\n",
        )
    )
    assert settings.profiles["tps"] == PlanningProfile(kvp="120", manufacturer="Maker")
