"""Scripts that the end-to-end tests run."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

IMPORTS = """\
import os, signal, subprocess, sys, time
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.function.batch_function import BatchFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.service.base_service import BaseService
from sage.common.utils.logging.custom_logger import CustomLogger
CustomLogger.disable_global_console_debug()
"""
"""The imports that most of them begin with."""

TUTORIAL = (
    IMPORTS
    + """

class HelloBatch(BatchFunction):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.left = 10

    def execute(self):
        if self.left == 0:
            return None
        self.left -= 1
        return f"Hello, World! #{10 - self.left}"


class PrintSink(SinkFunction):
    def execute(self, data):
        self.call_service["hello_service"].hello()
        print(data)


class HelloService(BaseService):
    def __init__(self):
        self.message = "hello service!!!"

    def hello(self):
        print(self.message)


if __name__ == "__main__":
    env = LocalEnvironment("hello_service")
    env.register_service("hello_service", HelloService)
    env.from_batch(HelloBatch).sink(PrintSink)
    env.submit(autostop=True)
    print("Hello Service World 示例完成!")
"""
)
"""The shape of the service tutorial: ten records, and a sink that calls a service for each."""

STREAM = (
    IMPORTS
    + """

class Ticks(SourceFunction):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count = 0

    def execute(self):
        self.count += 1
        return self.count


class Show(SinkFunction):
    def execute(self, tick):
        print(f"tick {tick}")


env = LocalEnvironment("ticking")
env.from_source(Ticks, delay=0.02).sink(Show)
env.submit(autostop=True)
"""
)
"""A stream that runs until it is stopped."""


def ticking(last: int) -> str:
    """A stream of so many ticks that then stays silent, so its output is the same on any machine."""
    return STREAM.replace("return self.count", f"return self.count if self.count <= {last} else None")


TICKS = ticking(5)
"""Few enough to fit on the screen."""

ENDING = STREAM.replace(
    "self.count += 1", "if self.count == 5:\n            raise StopIteration\n        self.count += 1"
)
"""Five ticks, then the end."""


SHOP = (
    IMPORTS
    + """

class Orders(SourceFunction):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.file = open("orders.txt")

    def execute(self):
        return self.file.readline().strip() or None


class Price(MapFunction):
    '''Reads the price off a long list.

"""
    + "\n".join(f"    note {number:02}: {' and so on' * 20}" for number in range(1, 61))
    + """
    '''

    def execute(self, order):
        self.logger.warning(f"pricing {order}")
        if order.startswith("bad"):
            raise ValueError(f"no price for {order}")
        return {"order": order, "price": self.call_service["shop"].price(order)}


class Show(SinkFunction):
    def execute(self, priced):
        self.call_service["till"].count(priced["order"])
        print(f"{priced['order']} costs {priced['price']}")


class Shop(BaseService):
    def price(self, order):
        return len(order)


class Till(BaseService):
    def count(self, order):
        return order


try:
    print(f"hello {input('your name? ')}")
except EOFError:
    print("hello nobody")
env = LocalEnvironment("shop")
env.register_service("shop", Shop)
env.register_service("till", Till)
env.from_source(Orders, delay=0.005).map(Price).sink(Show)
env.submit(autostop=True)
"""
)
"""Asks for a name, then takes an order for each line of a file beside it, so nothing happens by itself."""

ORDERS = (
    "".join(f"bad {number}\n" if number % 10 == 0 else f"order {number}\n" for number in range(1, 61))
    + f"order 61 {' '.join(f'with {number}' for number in range(1, 401))}\n"
)
"""Sixty short orders, six of them bad, and a long one."""


def written(folder: Path, name: str, text: str, *, imports: bool = False) -> Path:
    """Write a script into `folder`, by default after the common imports."""
    path = folder / name
    path.write_text((IMPORTS if imports else "") + dedent(text))
    return path
