"""A feedback loop: drafts go round until they are good enough.

`from_future` declares a stream before it exists, and `fill_future` says later what it is: here the drafts that are too
rough, which go back into `Refine`.

Watch   The graph has a return line. `Refine` has about four times the records of `Drafts`, because every draft passes
        through it several times. Nothing piles up, because each round improves a draft.
Run     sage-tui examples/feedback_loop.py      runs until stopped
Try     Raise GOOD_ENOUGH to 0.95 and save: there are more rounds, and more records in the loop.
"""

import random
import time

from sage.common.utils.logging.custom_logger import CustomLogger
from sage.core.api.function.filter_function import FilterFunction
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.local_environment import LocalEnvironment

GOOD_ENOUGH = 0.8

SUBJECTS = ["a letter to the harbour", "a recipe for rain", "the minutes of the owls", "a map of last summer"]


class Drafts(SourceFunction):
    """A rough draft now and then."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.random = random.Random(5)
        self.number = 0
        self.next = time.monotonic()

    def execute(self):
        if time.monotonic() < self.next:
            return None  # nothing now: sage-tui asks again
        self.next = time.monotonic() + 0.1
        self.number += 1
        quality = self.random.uniform(0.1, 0.4)
        return {"number": self.number, "subject": self.random.choice(SUBJECTS), "quality": quality, "rounds": 0}


class Refine(MapFunction):
    """Each round removes part of what is missing."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.random = random.Random(6)

    def execute(self, draft):
        missing = 1 - draft["quality"]
        return {**draft, "quality": 1 - missing * self.random.uniform(0.5, 0.9), "rounds": draft["rounds"] + 1}


class GoodEnough(FilterFunction):
    def execute(self, draft):
        return draft["quality"] >= GOOD_ENOUGH


class TooRough(FilterFunction):
    def execute(self, draft):
        return draft["quality"] < GOOD_ENOUGH


class Publish(SinkFunction):
    def execute(self, draft):
        rounds = "1 round" if draft["rounds"] == 1 else f"{draft['rounds']} rounds"
        print(f"#{draft['number']:<4} {draft['subject']:<26} {draft['quality']:.2f} after {rounds}")


def main():
    env = LocalEnvironment("feedback_loop")
    again = env.from_future("again")
    refined = env.from_source(Drafts).connect(again).map(Refine)
    refined.filter(GoodEnough).sink(Publish)
    refined.filter(TooRough).fill_future(again)
    env.submit(autostop=True)


if __name__ == "__main__":
    CustomLogger.disable_global_console_debug()
    main()
