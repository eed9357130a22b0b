"""Misbehaving: sensors send nonsense, a service fails now and then, and an operator complains in the log.

Watch   The pipeline continues. A record that fails is dropped, counted, and kept with its traceback. Failures groups
        them by operator, type and place. In Service calls the failed calls stand out, and now and then a slow one.
Run     sage-tui examples/misbehaving.py        runs until stopped
        sage-tui --plain --fail-on-error examples/misbehaving.py        without the dashboard; ctrl+c ends it
Try     Fix `Parse` so that it reads "21,5" as 21.5, and save: one group of failures is gone.
"""

import random
import time

from sage.common.utils.logging.custom_logger import CustomLogger
from sage.core.api.function.filter_function import FilterFunction
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.service.base_service import BaseService

ROOMS = {"kitchen": 2, "library": 4, "cellar": 0, "attic": 3}
"""Rooms and their windows. The cellar has none, which `PerWindow` does not expect."""


class Sensors(SourceFunction):
    """Readings as text, nine in ten of them valid."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.random = random.Random(9)
        self.next = time.monotonic()

    def execute(self):
        if time.monotonic() < self.next:
            return None  # nothing now: sage-tui asks again
        self.next = time.monotonic() + 0.05
        room = self.random.choices(list(ROOMS), weights=[10, 10, 1, 10])[0]
        value = self.random.gauss(20, 3)
        what = self.random.random()
        if what < 0.04:
            return f"{room};{value:.1f}".replace(".", ",")
        if what < 0.07:
            return f"{room};"
        if what < 0.10:
            return f"greenhouse;{value:.1f}"
        return f"{room};{value:.1f}"


class Parse(MapFunction):
    def execute(self, line):
        room, _, value = line.partition(";")
        return {"room": room, "celsius": float(value)}


class Plausible(FilterFunction):
    """Drops impossible readings and logs them."""

    def execute(self, reading):
        if 12 < reading["celsius"] < 28:
            return True
        self.logger.warning(f"{reading['room']}: {reading['celsius']} °C can't be")
        return False


class PerWindow(MapFunction):
    def execute(self, reading):
        return {**reading, "per_window": reading["celsius"] / ROOMS[reading["room"]]}


class Forecast(MapFunction):
    def execute(self, reading):
        return {**reading, "outside": self.call_service["weather"].outside(reading["room"])}


class WeatherStation(BaseService):
    """Mostly answers at once."""

    def __init__(self):
        self.random = random.Random(4)

    def outside(self, room):
        what = self.random.random()
        if what < 0.05:
            raise ConnectionError(f"the station on the {room} side does not answer")
        time.sleep(0.2 if what > 0.98 else 0.002)
        return round(self.random.gauss(11, 2), 1)


class Report(SinkFunction):
    def execute(self, reading):
        print(f"{reading['room']:<8} {reading['celsius']:5.1f} °C inside, {reading['outside']:5.1f} °C outside")


def main():
    env = LocalEnvironment("misbehaving")
    env.register_service("weather", WeatherStation)
    env.from_source(Sensors).map(Parse).filter(Plausible).map(PerWindow).map(Forecast).sink(Report)
    env.submit(autostop=True)


if __name__ == "__main__":
    CustomLogger.disable_global_console_debug()
    main()
