"""Functions that SAGE ships ready-made: batches over collections, files and generators, keys from a field, joins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypedDict

from sage_runtime.api.functions import BaseJoinFunction, BatchFunction, KeyByFunction


class IteratorBatch(BatchFunction):
    """A batch that emits what `get_data_iterator()` gives: for classes that define that and no `execute`."""

    _iterator: Iterator[Any] | None = None

    def get_data_iterator(self) -> Iterator[Any]:
        """What to emit; asked once."""
        raise NotImplementedError(f"{type(self).__name__} defines neither execute nor get_data_iterator")

    def execute(self, data: Any = None) -> Any:
        """The next value, or `None` at the end."""
        if self._iterator is None:
            self._iterator = iter(self.get_data_iterator())
        return next(self._iterator, None)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.get_data_iterator())


class IterableBatchIteratorFunction(IteratorBatch):
    """A batch over any iterable. `total_count` is what `get_total_count` returns."""

    def __init__(self, iterable: Iterable[Any] = (), total_count: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.iterable = iterable
        self.total_count = total_count

    def get_data_iterator(self) -> Iterator[Any]:
        """The values."""
        return iter(self.iterable)

    def get_total_count(self) -> int | None:
        """How many values there are, None if it is not known."""
        if self.total_count is not None:
            return self.total_count
        return len(self.iterable) if isinstance(self.iterable, Sized) else None

    def __len__(self) -> int:
        count = self.get_total_count()
        if count is None:
            raise TypeError("the number of values is not known; give total_count")
        return count


class SimpleBatchIteratorFunction(IterableBatchIteratorFunction):
    """A batch over a list or tuple."""

    def __init__(self, data: Iterable[Any] = (), **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.data = data


class RangeBatchIteratorFunction(IterableBatchIteratorFunction):
    """A batch over the numbers from `start` to before `end`."""

    def __init__(self, start: int, end: int, step: int = 1, **kwargs: Any) -> None:
        super().__init__(range(start, end, step), **kwargs)
        self.start, self.end, self.step = start, end, step


class GeneratorBatchIteratorFunction(IteratorBatch):
    """A batch over what a generator function yields."""

    def __init__(
        self, generator_func: Callable[[], Iterable[Any]], total_count: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.generator_func = generator_func
        self.total_count = total_count

    def get_data_iterator(self) -> Iterator[Any]:
        """A fresh generator."""
        return iter(self.generator_func())

    def get_total_count(self) -> int | None:
        """The `total_count` that was given."""
        return self.total_count


class FileBatchIteratorFunction(IteratorBatch):
    """A batch over the lines of a text file, without their ends."""

    def __init__(self, file_path: str, encoding: str = "utf-8", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file_path = file_path
        self.encoding = encoding

    def get_data_iterator(self) -> Iterator[Any]:
        """The lines."""
        with open(self.file_path, encoding=self.encoding) as file:  # noqa: PTH123 - a path or a descriptor
            for line in file:
                yield line.rstrip("\n\r")

    def get_total_count(self) -> int:
        """The number of lines."""
        return sum(1 for _ in self.get_data_iterator())


class FieldKeyByFunction(KeyByFunction):
    """The key is a field of the record, `a.b` a field of a field; each by attribute, else by index.

    The field is the argument `field_name`, else the class's attribute of that name.

    Raises:
        ValueError: there is neither.
    """

    field_name: str | None = None

    def __init__(self, field_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.field_name = field_name or self.field_name
        if not self.field_name:
            raise ValueError("field_name must be specified")

    def execute(self, data: Any) -> Any:
        """The key.

        Raises:
            KeyError: the record has no such field.
        """
        value = data
        try:
            for part in str(self.field_name).split("."):
                value = getattr(value, part) if hasattr(value, part) else value[part]
        except Exception as error:
            raise KeyError(f"Field '{self.field_name}' not accessible: {error}") from error
        return value


class UserOrderInnerJoin(BaseJoinFunction):
    """Joins users (the first stream) with their orders (the second), both keyed by the user's id.

    An order waits for its user; a user stays.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.user_cache: dict[Any, Any] = {}
        self.order_cache: dict[Any, list[Any]] = {}

    def execute(self, payload: Any, key: Any, tag: int) -> list[Any]:
        """The orders that have found their user."""
        if tag == 0:
            self.user_cache[key] = payload
            orders = self.order_cache.pop(key, [])
        elif key in self.user_cache:
            orders = [payload]
        else:
            orders = []
            self.order_cache.setdefault(key, []).append(payload)
        return [self._create_join_result(self.user_cache[key], order, key) for order in orders]

    def _create_join_result(self, user_data: Any, order_data: Any, user_id: Any) -> dict[str, Any]:
        return {
            "user_id": user_id,
            "user_name": user_data.get("name"),
            "user_email": user_data.get("email"),
            "order_id": order_data.get("id"),
            "order_amount": order_data.get("amount"),
            "join_timestamp": order_data.get("timestamp"),
        }


class BaseDocument(TypedDict, total=False):
    """A document as SAGE's retrieval operators pass it on."""

    text: str
    id: str | int | None
    title: str | None
    source: str | None
    score: float | None
    rank: int | None
    metadata: dict[str, Any] | None
