"""Hello, service world: ten greetings, a map that calls a service for each of them, and a sink that prints them.

Watch   `hello_service` hangs below `UpperCaseMap`, the operator that calls it. The service is slow, so records queue
        there. Each call is a line in Service calls. In Output, the lines of the service stand between those of the
        sink, each marked with its source.
Run     sage-tui examples/hello_service_world.py
Try     Change the text in `HelloService.hello` and save: the new version runs at once.
"""

import time

from sage.common.utils.logging.custom_logger import CustomLogger
from sage.core.api.function.batch_function import BatchFunction
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.service.base_service import BaseService


class HelloBatch(BatchFunction):
    """Ten greetings. None ends the batch."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.sent = 0

    def execute(self):
        if self.sent == 10:
            return None
        self.sent += 1
        return f"Hello, world! #{self.sent}"


class UpperCaseMap(MapFunction):
    """Calls the service, then says it louder."""

    def execute(self, data):
        self.call_service["hello_service"].hello()
        return data.upper()


class PrintSink(SinkFunction):
    def execute(self, data):
        print(data)


class HelloService(BaseService):
    """A service is a plain object with methods. It handles one call at a time."""

    def __init__(self):
        self.text = "hello from the service"

    def hello(self):
        time.sleep(0.2)
        print(self.text)


def main():
    env = LocalEnvironment("hello_service")
    env.register_service("hello_service", HelloService)
    env.from_batch(HelloBatch).map(UpperCaseMap).sink(PrintSink)
    env.submit(autostop=True)
    print("That was ten times hello.")


if __name__ == "__main__":
    CustomLogger.disable_global_console_debug()
    main()
