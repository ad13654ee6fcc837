"""A client of a Lookalike server: `Client`, and `AsyncClient` for asyncio. It needs httpx alone."""

from lookalike_client.async_client import AsyncClient
from lookalike_client.calls import Opinion, Question, StripQuestion
from lookalike_client.chunks import Change
from lookalike_client.client import Client
from lookalike_client.errors import (
    ClientError,
    Forbidden,
    LookalikeHTTPError,
    NotFound,
    RateLimited,
    StaleCursor,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    VersionConflict,
)
from lookalike_client.options import PictureUrl
from lookalike_client.records import (
    Because,
    Colour,
    Facet,
    Facets,
    FacetValue,
    Found,
    Garment,
    Hit,
    Item,
    Mode,
    Picture,
    Prediction,
    Reason,
    Strip,
    Verdict,
    Written,
)
from lookalike_client.retrying import Retries

__all__ = [
    "AsyncClient",
    "Because",
    "Change",
    "Client",
    "ClientError",
    "Colour",
    "Facet",
    "FacetValue",
    "Facets",
    "Forbidden",
    "Found",
    "Garment",
    "Hit",
    "Item",
    "LookalikeHTTPError",
    "Mode",
    "NotFound",
    "Opinion",
    "Picture",
    "PictureUrl",
    "Prediction",
    "Question",
    "RateLimited",
    "Reason",
    "Retries",
    "StaleCursor",
    "Strip",
    "StripQuestion",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "Verdict",
    "VersionConflict",
    "Written",
]
