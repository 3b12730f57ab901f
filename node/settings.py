"""Settings: one YAML file and the environment, validated before anything starts.

Every key can also be set by an environment variable: ``SYNTHNODE_`` and the path of the key with two
underscores between the levels, e.g. ``SYNTHNODE_RECEIVE__PORT=11112``. The environment wins over the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import EnvSettingsSource

from node.actor import Role
from node.errors import SettingsError
from node.hours import Hours
from node.network import AeTitle, Mail, Name, Peer, Port, Right, Webhook
from node.priority import Priority
from pipelines.objects.profiles import DEFAULT, PlanningProfile

MachineName = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]
"""A host name without its domain."""

Device = Annotated[str, StringConstraints(pattern=r"^(cpu|cuda:\d+)$")]


class Section(BaseModel):
    """A part of the settings; unknown keys are errors, since a misspelt key must not pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _check_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("a name of the IANA time zone database is accepted, such as Europe/Zurich") from error
    return name


class NodeSection(Section):
    """Who this node is."""

    name: Name = Field(
        "SYNTHNODE", description="StationName in every object that this node makes, and its name in logs."
    )
    time_zone: Annotated[str, AfterValidator(_check_time_zone)] = Field(
        "UTC", description="The site's time zone, such as `Europe/Zurich`, in which rules ask for the hour and the day."
    )
    machine: MachineName | None = Field(
        None, description="This machine's name among those of the node. Default: its host name without the domain."
    )
    lease_seconds: Annotated[float, Field(ge=2, le=600)] = Field(
        20.0, description="After so long without a word from a process others take its jobs; the same on all machines."
    )


class ReceiveSection(Section):
    """The DICOM receiver."""

    ae_title: AeTitle = Field("SYNTHNODE", description="The called AE title that the receiver answers to.")
    host: str = Field(
        "127.0.0.1", description="The address to listen on. Anything but loopback needs a peer that may store."
    )
    port: Port = Field(11112, description="The port to listen on.")
    max_associations: Annotated[int, Field(ge=1, le=1000)] = Field(50, description="Associations at one time.")
    max_object_mb: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        4096, description="Megabytes of the largest object that is taken; a longer one ends its association."
    )


class SettleSection(Section):
    """When a study counts as complete."""

    quiet_seconds: Annotated[float, Field(gt=0, le=86400)] = Field(
        30.0, description="A study settles when its last instance is this old."
    )


class DeliverySection(Section):
    """How results are sent."""

    ae_title: AeTitle = Field("SYNTHNODE", description="The calling AE title of the sender.")
    retry_seconds: tuple[Annotated[float, Field(gt=0, le=86400)], ...] = Field(
        (2.0, 5.0, 15.0, 60.0, 300.0), min_length=1, description="Waits between attempts; the last one repeats."
    )
    commitment_hours: Annotated[float, Field(gt=0, le=8760)] = Field(
        24.0, description="How long a destination's storage commitment is waited for; then its delivery ends by name."
    )
    give_up_after_hours: Annotated[float, Field(gt=0, le=8760)] = Field(
        72.0, description="After this long a delivery ends as a dead letter with its reason."
    )


def _check_hours(written: str) -> str:
    Hours.parse(written)
    return written


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is called {name!r} here: write it as Europe/Berlin") from error
    return name


class StartSection(Section):
    """When runs may start. What is STAT never waits, so it can have no hours."""

    hours: Mapping[Literal[Priority.URGENT, Priority.ROUTINE], Annotated[str, AfterValidator(_check_hours)]] = Field(
        default_factory=dict,
        description="The hours in which runs of a class may start, as `ROUTINE: 20:00-06:00`; a class without any may "
        "at all times.",
    )
    time_zone: Annotated[str, AfterValidator(_check_zone)] = Field(
        "UTC", description="The time zone of these hours, as `Europe/Berlin`; summer time is kept."
    )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the hours."""
        return ZoneInfo(self.time_zone)

    def hours_of(self, priority: Priority) -> Hours | None:
        """Return the hours of a class of urgency, None where it may start at all times."""
        return next((Hours.parse(written) for named, written in self.hours.items() if named == priority), None)


class KeepSection(Section):
    """How long is kept what nothing needs any more. Runs, deliveries, journals and the audit trail are not removed."""

    jobs_days: Annotated[float, Field(ge=1, le=36500)] = Field(
        30.0, description="The engine's jobs that ended as they should are removed after so many days."
    )


class ComputeSection(Section):
    """Where inference runs."""

    devices: tuple[Device, ...] = Field(
        ("cpu",), min_length=1, description="One worker process each: `cpu`, `cuda:0`, `cuda:1`."
    )
    packages: Path | None = Field(
        None,
        description="A folder of model packages beside the shipped ones. Default: `models` in the shared folder.",
    )

    @property
    def workers(self) -> Mapping[str, str]:
        """The compute workers' devices by the workers' names."""
        return {f"worker-{number}": device for number, device in enumerate(self.devices)}


def _check_database_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "postgresql" or not parts.path.strip("/"):
        raise ValueError("postgresql://USER@HOST/DATABASE is accepted, nothing else")
    if parts.password is not None or "password" in parse_qs(parts.query):
        # The address is shown in messages, and the settings file is copied about.
        raise ValueError("a password must not stand here: name a file of mode 0600 that holds it, ?passfile=/PATH")
    return url


class DatabaseSection(Section):
    """Where the catalogue, the jobs and the audit trail are kept."""

    url: Annotated[str, AfterValidator(_check_database_url)] | None = Field(
        None,
        description="`postgresql://USER@HOST/DATABASE?passfile=/PATH`, never with a password. Default: SQLite in the "
        "data folder.",
    )

    @property
    def driver_url(self) -> str | None:
        """The address as SQLAlchemy takes it, None for SQLite in the data folder."""
        return None if self.url is None else self.url.replace("postgresql://", "postgresql+psycopg://", 1)


class AuditSection(Section):
    """The audit trail."""

    key_file: Path | None = Field(
        None,
        description="The key that seals the trail's anchor. Default: in the data folder; better on another medium, "
        "where who can write the database cannot read it.",
    )


class WatchSection(Section):
    """What is looked at by the clock."""

    disk_free_mb: Annotated[int, Field(ge=0)] = Field(
        5000, description="Megabytes that the disk of the data folder should have free; less is notified."
    )
    echo_minutes: Annotated[float, Field(gt=0, le=1440)] = Field(
        15.0, description="How often each destination is asked by C-ECHO whether it is there."
    )


class NotifySection(Section):
    """Who is notified of what; nobody by default."""

    webhooks: tuple[Webhook, ...] = Field((), description="HTTP addresses that notifications are posted to, signed.")
    mails: tuple[Mail, ...] = Field((), description="Mailboxes that notifications are sent to.")

    @property
    def channels(self) -> tuple[Webhook | Mail, ...]:
        """All channels."""
        return (*self.webhooks, *self.mails)


class AccessSection(Section):
    """What people may do."""

    command_line_roles: tuple[Role, ...] = Field(
        tuple(Role),
        description="The roles of whoever runs `synthnode` on this machine, under any name that they state.",
    )


class Settings(BaseSettings):
    """All settings of a node."""

    model_config = SettingsConfigDict(env_prefix="SYNTHNODE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    schema_: Literal[1] = Field(1, alias="schema", description="Version of this file's schema.")
    data: Path = Field(Path("synthnode-data"), description="The folder that holds everything this node keeps.")
    shared: Path | None = Field(
        None,
        description="The folder of archive, journals and results, which all machines of the node see. Default: the "
        "data folder.",
    )
    node: NodeSection = NodeSection()
    database: DatabaseSection = DatabaseSection()
    receive: ReceiveSection = ReceiveSection()
    settle: SettleSection = SettleSection()
    rules: Path | None = Field(
        None,
        description="The rule file that a new node starts with; afterwards `synthnode rules` alone changes what "
        "decides. Default: the rule set that is shipped.",
    )
    profiles: Mapping[Name, PlanningProfile] = Field(
        default_factory=dict,
        description="Equipment attributes that planning systems ask for, by a name that destinations choose.",
    )
    peers: tuple[Peer, ...] = Field(
        (),
        description="The peers that may call, and those that results may be sent to. While none may store, any AE "
        "title that is not listed may, but from loopback only.",
    )
    delivery: DeliverySection = DeliverySection()
    start: StartSection = StartSection()
    keep: KeepSection = KeepSection()
    compute: ComputeSection = ComputeSection()
    audit: AuditSection = AuditSection()
    access: AccessSection = AccessSection()
    notify: NotifySection = NotifySection()
    watch: WatchSection = WatchSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose content comes as initial values."""
        return EnvSettingsSource(settings_cls), init_settings

    @property
    def rules_file(self) -> Path:
        """The rule file that a new node starts with."""
        return self.rules or Path(str(files("node.rules") / "shipped" / "head.yaml"))

    @property
    def packages_folder(self) -> Path:
        """The folder of model packages that this site added."""
        return self.compute.packages or self.shared_folder / "models"

    @property
    def shared_folder(self) -> Path:
        """The folder of archive, journals and results."""
        return self.shared or self.data

    @property
    def destinations(self) -> tuple[Peer, ...]:
        """The peers that results may be sent to."""
        return tuple(peer for peer in self.peers if peer.deliver is not None)

    def peers_that_may(self, right: Right) -> tuple[Peer, ...]:
        """Return the peers that have a right when they call."""
        return tuple(peer for peer in self.peers if right in peer.may)

    def source(self, calling_ae: str) -> str:
        """Return the name of the one peer of that AE title that may store; empty when there is none, or several."""
        names = [peer.name for peer in self.peers_that_may(Right.STORE) if peer.ae_title == calling_ae]
        return names[0] if len(names) == 1 else ""

    def site_time(self, at: datetime) -> datetime:
        """Return a moment in the site's time zone."""
        return at.astimezone(ZoneInfo(self.node.time_zone))

    def destination(self, name: str) -> Peer:
        """Return the destination of that name.

        Raises
        ------
        SettingsError
            ``destination-unknown`` when there is none.
        """
        for destination in self.destinations:
            if destination.name == name:
                return destination
        raise SettingsError("destination-unknown", name=name, known=", ".join(d.name for d in self.destinations))

    def profile_of(self, destination: Peer) -> PlanningProfile:
        """Return the planning profile that a destination asks for."""
        return DEFAULT if destination.profile is None else self.profiles[destination.profile]


def load_settings(file: Path | None = None, *, data: Path | None = None) -> Settings:
    """Read the settings from `file` (else from the file that ``SYNTHNODE_CONFIG`` names, else defaults).

    Parameters
    ----------
    file
        YAML file; relative paths in it are relative to its folder.
    data
        Overrides the data folder.

    Raises
    ------
    SettingsError
        The file is missing, no YAML, or a key is unknown or out of range; each finding names its key.
    """
    named = file or (Path(os.environ["SYNTHNODE_CONFIG"]) if os.environ.get("SYNTHNODE_CONFIG") else None)
    values: dict[str, object] = {}
    base = Path.cwd()
    if named is not None:
        values = _read(named)
        base = named.resolve().parent
    try:
        settings = Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        findings = "; ".join(f"{'.'.join(map(str, e['loc'])) or '(file)'}: {e['msg']}" for e in error.errors())
        raise SettingsError("settings-invalid", file=str(named or "environment"), findings=findings) from error
    _check(settings, str(named or "environment"))
    compute, audit = settings.compute, settings.audit
    if compute.packages is not None:
        compute = compute.model_copy(update={"packages": base / compute.packages})
    if audit.key_file is not None:
        audit = audit.model_copy(update={"key_file": base / audit.key_file})
    return settings.model_copy(
        update={
            "data": (data or base / settings.data).resolve(),
            "shared": None if settings.shared is None else (base / settings.shared).resolve(),
            "rules": None if settings.rules is None else base / settings.rules,
            "compute": compute,
            "audit": audit,
        }
    )


def _read(file: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError("settings-unreadable", file=str(file), error=error.strerror or str(error)) from error
    except yaml.YAMLError as error:
        raise SettingsError("settings-not-yaml", file=str(file), error=str(error).replace("\n", " ")) from error
    if not isinstance(content, dict):
        raise SettingsError("settings-not-yaml", file=str(file), error="the file holds no mapping of keys")
    return content


def _misspelt_in_environment() -> list[str]:
    """Return the variables of a section that there is not; pydantic takes them for somebody else's."""
    return [
        name
        for name in sorted(os.environ)
        if name.startswith("SYNTHNODE_") and "__" in name
        if name.removeprefix("SYNTHNODE_").partition("__")[0].lower() not in Settings.model_fields
    ]


def _check(settings: Settings, file: str) -> None:
    misspelt = _misspelt_in_environment()
    if misspelt:
        raise SettingsError("settings-invalid", file="environment", findings=f"unknown: {', '.join(misspelt)}")
    names = [peer.name for peer in settings.peers]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SettingsError("settings-invalid", file=file, findings=f"peers: name used twice: {', '.join(doubled)}")
    channels = [channel.name for channel in settings.notify.channels]
    doubled = sorted({name for name in channels if channels.count(name) > 1})
    if doubled:
        raise SettingsError("settings-invalid", file=file, findings=f"notify: name used twice: {', '.join(doubled)}")
    for destination in settings.destinations:
        if destination.profile is not None and destination.profile not in settings.profiles:
            known = ", ".join(settings.profiles) or "(none)"
            raise SettingsError(
                "settings-invalid",
                file=file,
                findings=f"peers: {destination.name} asks for profile {destination.profile}; known: {known}",
            )
    if settings.receive.host not in {"127.0.0.1", "::1", "localhost"} and not settings.peers_that_may(Right.STORE):
        raise SettingsError(
            "settings-invalid",
            file=file,
            findings="peers: one with `may: [store]` is needed when receive.host is not loopback",
        )
