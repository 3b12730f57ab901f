"""A peer of this node: who it is, what it may ask for when it calls, and whether results are sent to it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from node.errors import SettingsError
from node.network.address import PeerAddress
from node.network.names import AeTitle, Name, Port
from node.network.result_classes import COMMONLY_TAKEN, ResultClass


class Right(StrEnum):
    """What a peer may ask for when it calls."""

    STORE = "store"
    QUERY = "query"
    RETRIEVE = "retrieve"
    COMMIT = "commit"


class DeliverySettings(BaseModel, extra="forbid", frozen=True):
    """What a peer is sent, as a destination of results by C-STORE."""

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


class Peer(BaseModel, extra="forbid", frozen=True):
    """A DICOM application entity that this node knows: a scanner, a PACS, a planning system.

    One that has `deliver` is a destination; it has a port then.
    """

    name: Name = Field(description="How rules and people call it; no two peers have the same name.")
    ae_title: AeTitle = Field(description="Its AE title, as it calls and as it is called.")
    host: str = Field(description="Its address or host name, where it calls from and is called at.")
    port: Port | None = Field(None, description="The port that it listens on; needed where this node calls it.")
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
    def _check_port(self) -> Self:
        if self.deliver is not None and self.port is None:
            raise ValueError(f"{self.name}: port: needed for a peer with `deliver`")
        return self

    @property
    def address(self) -> PeerAddress:
        """Where this node calls it.

        Raises
        ------
        SettingsError
            ``peer-without-port``.
        """
        if self.port is None:
            raise SettingsError("peer-without-port", name=self.name)
        return PeerAddress(self.ae_title, self.host, self.port)

    @property
    def research(self) -> bool:
        """Whether it is a destination that may get results of reference models."""
        return self.deliver is not None and self.deliver.research

    def wants(self, sop_class_uid: str) -> bool:
        """Return whether it is a destination that is sent objects of this SOP class."""
        return self.deliver is not None and sop_class_uid in {one.uid for one in self.deliver.wants}

    @property
    def profile(self) -> str | None:
        """The profile that it asks for as a destination."""
        return None if self.deliver is None else self.deliver.profile
