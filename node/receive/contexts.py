"""Which SOP classes and transfer syntaxes the receiver accepts, and in which order it prefers them.

pynetdicom takes the first of the acceptor's list that a presentation context offers. Explicit VR comes first: a sender
that may choose Implicit VR transcodes to it, and private elements lose their VR. Nothing is transcoded here.

Left out: Deflated and Big Endian, because every sender must also offer Implicit VR Little Endian (PS3.5 10.1) and the
two would need a second way to read a header; and the JPIP syntaxes, whose pixel data stand elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydicom import uid
from pynetdicom import build_context
from pynetdicom.presentation import AllStoragePresentationContexts, PresentationContext
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification  # type: ignore[attr-defined]

UNCOMPRESSED = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)

LOSSLESS = (
    uid.JPEGLosslessSV1,
    uid.JPEGLossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000MCLossless,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.RLELossless,
)

LOSSY = (
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLSNearLossless,
    uid.JPEG2000,
    uid.JPEG2000MC,
    uid.HTJ2K,
    uid.MPEG2MPML,
    uid.MPEG2MPMLF,
    uid.MPEG2MPHL,
    uid.MPEG2MPHLF,
    uid.MPEG4HP41,
    uid.MPEG4HP41F,
    uid.MPEG4HP41BD,
    uid.MPEG4HP41BDF,
    uid.MPEG4HP422D,
    uid.MPEG4HP422DF,
    uid.MPEG4HP423D,
    uid.MPEG4HP423DF,
    uid.MPEG4HP42STEREO,
    uid.MPEG4HP42STEREOF,
    uid.HEVCMP51,
    uid.HEVCM10P51,
)

TRANSFER_SYNTAXES: tuple[str, ...] = (*UNCOMPRESSED, *LOSSLESS, *LOSSY)
"""In order of preference."""

STORAGE_CLASSES: frozenset[str] = frozenset(str(context.abstract_syntax) for context in AllStoragePresentationContexts)
"""Every storage SOP class that pynetdicom knows."""

_OTHERS: Mapping[str, tuple[str, ...]] = {
    str(Verification): UNCOMPRESSED,
    str(StorageCommitmentPushModel): UNCOMPRESSED,
}


def contexts_for(abstract_syntaxes: Iterable[str]) -> list[PresentationContext]:
    """Return what the receiver supports of the given SOP classes.

    An association is given only these: preparing all classes with all syntaxes costs 46 ms an association.
    """
    supported = []
    for syntax in sorted(set(abstract_syntaxes)):
        accepted = TRANSFER_SYNTAXES if syntax in STORAGE_CLASSES else _OTHERS.get(syntax)
        if accepted is not None:
            context = build_context(syntax, list(accepted))
            if syntax == StorageCommitmentPushModel:
                # A peer reports as SCP on an association that it opened (PS3.4 J.3.3, PS3.7 D.3.3.4).
                context.scu_role, context.scp_role = False, True
            supported.append(context)
    return supported
