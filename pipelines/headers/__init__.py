"""The one reading of image headers, for rules and for a pipeline's gate alike; none of it looks at pixels."""

from pipelines.headers.header import Header
from pipelines.headers.values import typed_attributes

__all__ = ["Header", "typed_attributes"]
