"""The second era's spelling: `sage.kernel.api` and `sage.common.core.functions`.

Watch   A batch of readings goes through a filter and a map to two sinks. Only two things differ from the first era:
        the imports, and how a service is called: `call_service(name, ..., method=...)`.
Run     sage-tui examples/era2_temperatures.py
"""

from sage.common.core.functions.batch_function import BatchFunction
from sage.common.core.functions.filter_function import FilterFunction
from sage.common.core.functions.map_function import MapFunction
from sage.common.core.functions.sink_function import SinkFunction
from sage.common.utils.logging.custom_logger import CustomLogger
from sage.kernel.api.local_environment import LocalEnvironment
from sage.kernel.api.service.base_service import BaseService

FAHRENHEIT = [68.0, 71.6, 451.0, 59.0, 64.4, 212.0, 77.0]


class Readings(BatchFunction):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.rest = iter(FAHRENHEIT)

    def execute(self):
        return next(self.rest, None)


class Bearable(FilterFunction):
    def execute(self, fahrenheit):
        return fahrenheit < 100


class ToCelsius(MapFunction):
    def execute(self, fahrenheit):
        return self.call_service("units", fahrenheit, method="celsius")


class Units(BaseService):
    def celsius(self, fahrenheit):
        return (fahrenheit - 32) / 1.8


class Warm(SinkFunction):
    def execute(self, celsius):
        if celsius >= 20:
            print(f"warm {celsius:.0f} °C")


class All(SinkFunction):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = []

    def execute(self, celsius):
        self.seen.append(celsius)

    def close(self):
        print(f"{len(self.seen)} readings, {sum(self.seen) / len(self.seen):.1f} °C on average")


def main():
    env = LocalEnvironment("temperatures")
    env.register_service("units", Units)
    readings = env.from_batch(Readings).filter(Bearable).map(ToCelsius)
    readings.sink(Warm)
    readings.sink(All)
    env.submit(autostop=True)


if __name__ == "__main__":
    CustomLogger.disable_global_console_debug()
    main()
