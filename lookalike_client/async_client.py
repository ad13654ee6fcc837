"""The same client for asyncio."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx

from lookalike_client import calls
from lookalike_client.chunks import Change, Chunk, Chunks
from lookalike_client.errors import Unreachable
from lookalike_client.options import (
    Json,
    OfPicture,
    OfStrip,
    OnePage,
    OnePageOfWords,
    OnlyIf,
    PictureSource,
    Ranking,
    Where,
)
from lookalike_client.pages import HitPages
from lookalike_client.records import Facets, Found, Hit, Item, Strip, Verdict, Written
from lookalike_client.retrying import Retries

T = TypeVar("T")


class AsyncClient:
    """Asks and writes to one server, over connections that it keeps: close it, or use it in a `with` block.

    `key` is one of `lookalike keys create`; `timeout` are the seconds that connecting, sending and each piece of an
    answer may take; `transport` is httpx's, for proxies and certificates of one's own.
    Every method raises LookalikeHTTPError for what the server refuses, Unreachable and UnexpectedAnswer.
    """

    def __init__(
        self,
        server: str,
        *,
        key: str | None = None,
        timeout: float = 60.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=server, headers=calls.client_headers(key), timeout=timeout, transport=transport
        )
        self._retries = retries or Retries()

    async def search(self, picture: PictureSource, **options: Unpack[OfPicture]) -> Found:
        """Return what looks like a picture, and what the model says of it."""
        return await self._answer(calls.search(picture, **options))

    async def search_words(self, q: str, **options: Unpack[OnePageOfWords]) -> Found:
        """Return what says some words, the best first; of scores alone, those of one question compare."""
        return await self._answer(calls.search_words(q, **options))

    async def similar(self, ids: calls.Ids, **options: Unpack[OnePage]) -> Found:
        """Return what is most like an item, or several together."""
        return await self._answer(calls.similar(ids, **options))

    async def hits(
        self,
        picture: PictureSource | None = None,
        *,
        ids: calls.Ids | None = None,
        page_size: int = 48,
        **options: Unpack[Ranking],
    ) -> AsyncIterator[Hit]:
        """Yield every hit of a search by a picture, by items or by words (q) alone, page by page as they are taken.

        Raises StaleCursor where the catalogue has changed since the first page.
        """
        pages = HitPages(picture, ids, page_size, options)
        while (call := pages.next_call()) is not None:
            for hit in pages.turn(await self._answer(call)):
                yield hit

    async def recommend(
        self, likes: Iterable[calls.Liked] = (), dislikes: Iterable[calls.Liked] = (), **options: Unpack[OfStrip]
    ) -> Strip:
        """Return what somebody would like, by ids and pictures."""
        return await self._answer(calls.recommend(likes, dislikes, **options))

    async def strips(
        self, strips: Iterable[calls.StripQuestion], *, repeat: bool = False, **options: Unpack[OfStrip]
    ) -> list[Strip]:
        """Return several strips; an item is in one of them only, unless it may `repeat`."""
        return await self._answer(calls.strips(strips, repeat, options))

    async def batch(self, questions: Iterable[calls.Question]) -> list[calls.BatchAnswer]:
        """Return the answers to up to 64 questions; the error of one stands in its place, and is not raised."""
        return await self._answer(calls.batch(questions))

    async def moderate(self, picture: PictureSource, attributes: Json | None = None) -> Verdict:
        """Return whether a picture may be shown, by the server's policy."""
        return await self._answer(calls.moderate(picture, attributes))

    async def item(self, item_id: str) -> Item:
        """Return an item. Raises NotFound."""
        return await self._answer(calls.item(item_id))

    async def image(self, item_id: str) -> bytes:
        """Return the display copy of an item's picture. Raises NotFound."""
        return await self._answer(calls.image(item_id))

    async def items(
        self,
        *,
        where: Where | None = None,
        q: str | None = None,
        sort: str | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[Item]:
        """Yield every item that a filter allows and that says the words `q`, page by page as they are taken.

        They come in order of id, or of relevance to the words, unless `sort` says otherwise.
        """
        cursor = None
        while True:
            page = await self._answer(calls.listing(where, q, sort, page_size, cursor))
            for item in page.items:
                yield item
            cursor = page.next
            if cursor is None:
                return

    async def facets(
        self, *, where: Where | None = None, q: str | None = None, fields: Sequence[str] | None = None, limit: int = 20
    ) -> Facets:
        """Return what fields hold among the items that a filter allows and that say the words `q`."""
        return await self._answer(calls.facets(where, q, fields, limit))

    async def put(
        self,
        item_id: str,
        attributes: Json | None = None,
        picture: PictureSource | None = None,
        **only_if: Unpack[OnlyIf],
    ) -> Item:
        """Add an item, or replace it; without a picture, only its attributes. Raises VersionConflict."""
        return await self._answer(calls.put(item_id, attributes, picture, only_if))

    async def patch(self, item_id: str, attributes: Json, **only_if: Unpack[OnlyIf]) -> Item:
        """Change some attributes of an item; None takes one away. Raises NotFound and VersionConflict."""
        return await self._answer(calls.patch(item_id, attributes, only_if))

    async def put_image(self, item_id: str, picture: PictureSource, **only_if: Unpack[OnlyIf]) -> Item:
        """Give an item another picture. Raises NotFound and VersionConflict."""
        return await self._answer(calls.put_image(item_id, picture, only_if))

    async def delete(self, item_id: str, **only_if: Unpack[OnlyIf]) -> None:
        """Take an item out. Raises NotFound and VersionConflict."""
        return await self._answer(calls.delete(item_id, only_if))

    async def write(self, changes: Iterable[Change] | AsyncIterable[Change]) -> AsyncIterator[Written]:
        """Write many changes, and yield what became of each, in order: they are sent as the results are taken.

        What fails on its own is said by its result. Raises also OSError, TypeError and ValueError for a change that
        can't be sent; those before it in its chunk are then not written.
        """
        chunks = Chunks()
        async for change in _each(changes):
            for one in chunks.add(change):
                async for result in self._written(one):
                    yield result
        for rest in chunks.rest():
            async for result in self._written(rest):
                yield result

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _written(self, one: Chunk | Written) -> AsyncIterator[Written]:
        if isinstance(one, Written):
            yield one
            return
        chunk: Chunk | None = one
        while chunk is not None:
            settled, chunk = chunk.settled(await self._answer(calls.write(chunk.lines)))
            for result in settled:
                yield result

    async def _answer(self, call: calls.Call[T]) -> T:
        request = call.request(self._http)
        sent = 0
        while True:
            sent += 1
            try:
                response = await self._http.send(request)
            except httpx.RequestError as error:
                wait = self._retries.after_error(error, sent)
                if wait is None:
                    raise Unreachable(f"{request.url} gave no answer ({error!r}), asked {sent} times.") from error
            else:
                wait = self._retries.after_answer(response, sent)
                if wait is None:
                    return call.answer(response)
            await asyncio.sleep(wait)


async def _each(changes: Iterable[Change] | AsyncIterable[Change]) -> AsyncIterator[Change]:
    if isinstance(changes, AsyncIterable):
        async for change in changes:
            yield change
    else:
        for change in changes:
            yield change
