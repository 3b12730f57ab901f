"""A peer of this node: who it is, what it may ask for when it calls, and whether results are sent to it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from node.errors import SettingsError
from node.network.address import Address, FolderAddress, PeerAddress, WebAddress
from node.network.kinds import AbsolutePath, ReturnSettings, ReturnWay, StowSettings, TlsSettings
from node.network.names import AeTitle, Name, Port
from node.network.result_classes import COMMONLY_TAKEN, ResultClass


class Right(StrEnum):
    """What a peer may ask for when it calls."""

    STORE = "store"
    QUERY = "query"
    RETRIEVE = "retrieve"
    COMMIT = "commit"


class DeliverySettings(BaseModel, extra="forbid", frozen=True):
    """What a peer is sent as a destination of results, and how: by C-STORE unless `stow` or `folder` is set."""

    research: bool = Field(
        False, description="Whether it may get results of models of status `reference`, which are for research only."
    )
    wants: tuple[ResultClass, ...] = Field(
        COMMONLY_TAKEN,
        min_length=1,
        description="The SOP classes that it is sent; an object of any other stays here and is recorded as not wanted. "
        "Default: images, structure set and segmentation, which planning systems import. A PACS may want "
        "`ComprehensiveSRStorage` (measurements and checks), `EncapsulatedPDFStorage` (the report), "
        "`SecondaryCaptureImageStorage` (the summary picture), `ParametricMapStorage` (the uncertainty) and "
        "`SpatialRegistrationStorage` too.",
    )
    profile: Name | None = Field(
        None, description="The profile of `profiles` that its objects carry. Default: the attributes of this node."
    )
    stow: StowSettings | None = Field(None, description="Send by STOW-RS to this service.")
    folder: AbsolutePath | None = Field(
        None,
        description="Write into this folder, which must exist: a folder for each result, named by its run, that "
        "appears when it is whole and holds a file `FINISHED`.",
    )

    returns: ReturnSettings | None = Field(
        None, description="How `synthnode destinations prove` gets back what it sent. Default: it cannot be proved."
    )

    commitment: bool = Field(
        False,
        description="Ask it for storage commitment: a delivery is delivered when it commits. It must know this node's "
        "receiver, which it calls back, as the AE title `delivery.ae_title`; by C-STORE only.",
    )

    @model_validator(mode="after")
    def _check_one_kind(self) -> Self:
        if self.stow is not None and self.folder is not None:
            raise ValueError("stow and folder are two kinds of destination: write two peers")
        if self.commitment and not self.by_dimse:
            raise ValueError("commitment is for destinations by C-STORE")
        if self.returns is not None and self.returns.by is ReturnWay.WADO and self.stow is None:
            raise ValueError("returns by wado needs stow")
        return self

    @property
    def by_dimse(self) -> bool:
        """Whether objects are sent by C-STORE."""
        return self.stow is None and self.folder is None


class Peer(BaseModel, extra="forbid", frozen=True):
    """A system that this node knows: a scanner, a PACS, a planning system.

    One that has `deliver` is a destination. Whoever calls, or is called by C-STORE, has an AE title and a host.
    """

    name: Name = Field(description="How rules and people call it; no two peers have the same name.")
    ae_title: AeTitle | None = Field(
        None, description="Its AE title, as it calls and as it is called; needed but for `stow` and `folder`."
    )
    host: str | None = Field(
        None,
        description="Its address or host name, where it calls from and is called at; needed but for `stow`, `folder`.",
    )
    port: Port | None = Field(None, description="The port that it listens on; needed where this node calls it.")
    tls: TlsSettings | None = Field(
        None,
        description="Makes associations that this node opens use TLS: `{}`, or with the keys below.",
    )
    may: tuple[Right, ...] = Field(
        (),
        description="What it may ask for when it calls: `store`; `query`, `retrieve` and `commit` are not served yet. "
        "Nothing by default.",
    )
    silent_after_hours: Annotated[float, Field(gt=0, le=8760)] | None = Field(
        None, description="People are notified when it has sent nothing for so long. Default: never."
    )
    deliver: DeliverySettings | None = Field(
        None, description="Makes it a destination of results: `{}`, or with the keys below. Default: nothing is sent."
    )

    @model_validator(mode="after")
    def _check_address(self) -> Self:
        called = self.deliver is not None and self.deliver.by_dimse
        if called and self.port is None:
            raise ValueError(f"{self.name}: port: needed for a peer with `deliver`")
        if (called or self.deliver is None or self.may) and (self.ae_title is None or self.host is None):
            raise ValueError(f"{self.name}: ae_title and host: needed but for `deliver` by `stow` or `folder`")
        return self

    @property
    def address(self) -> Address:
        """Where this node reaches it: as a destination by its kind, else as an application entity.

        Raises
        ------
        SettingsError
            ``peer-without-port``.
        """
        if self.deliver is not None and self.deliver.stow is not None:
            return WebAddress(self.deliver.stow.url)
        if self.deliver is not None and self.deliver.folder is not None:
            return FolderAddress(self.deliver.folder)
        return self.application_entity

    @property
    def application_entity(self) -> PeerAddress:
        """Where this node calls it by DIMSE.

        Raises
        ------
        SettingsError
            ``peer-without-port``.
        """
        if self.ae_title is None or self.host is None or self.port is None:
            raise SettingsError("peer-without-port", name=self.name)
        return PeerAddress(self.ae_title, self.host, self.port, tls=self.tls is not None)

    @property
    def research(self) -> bool:
        """Whether it is a destination that may get results of reference models."""
        return self.deliver is not None and self.deliver.research

    @property
    def commits(self) -> bool:
        """Whether it is a destination that is asked for storage commitment."""
        return self.deliver is not None and self.deliver.commitment

    def wants(self, sop_class_uid: str) -> bool:
        """Return whether it is a destination that is sent objects of this SOP class."""
        return self.deliver is not None and sop_class_uid in {one.uid for one in self.deliver.wants}

    @property
    def profile(self) -> str | None:
        """The profile that it asks for as a destination."""
        return None if self.deliver is None else self.deliver.profile
