"""Answers asked for before they are needed."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

_Answer = TypeVar("_Answer")


class Ahead(Generic[_Answer]):
    """Fetches by number, several at a time. Leaving the block calls off whatever is still on its way."""

    def __init__(self, fetch: Callable[[int], Coroutine[Any, Any, _Answer]]) -> None:
        self._fetch = fetch
        self._under_way: dict[int, asyncio.Task[_Answer]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._call_off()

    async def take(self, number: int, then: Iterable[int]) -> _Answer:
        """The answer to `number`, while those of `then` set out too. Raises what its own fetch raised."""
        if number not in self._under_way:
            # The walk went elsewhere than was hoped: what is on its way is of no use.
            await self._call_off()
        for wanted in (number, *then):
            if wanted not in self._under_way:
                self._under_way[wanted] = asyncio.ensure_future(self._fetch(wanted))
        answer = await self._under_way[number]
        del self._under_way[number]
        return answer

    async def _call_off(self) -> None:
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        self._under_way.clear()
