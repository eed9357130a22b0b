"""Word count: sentences are split into words and counted by four replicas, each of which owns some of the words.

Watch   The flatmap sends about nine times as many records as it receives, one per word. Open `CountWord` to see how the
        words spread over its replicas. A word always goes to the same one (keyed by hash), so no count is split.
Run     sage-tui examples/word_count.py         runs until stopped
Try     Halve the delay of the source and save: twice as many sentences. A mark in the trend shows when.
"""

import random
import time

from sage.common.utils.logging.custom_logger import CustomLogger
from sage.core.api.function.flatmap_function import FlatMapFunction
from sage.core.api.function.keyby_function import KeyByFunction
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.local_environment import LocalEnvironment

WHO = ["the river", "a heron", "the old miller", "a little cloud", "the north wind", "a patient fox"]
DOES = ["waits for", "remembers", "follows", "listens to", "forgets", "wanders past"]
WHERE = ["by the bridge", "under the moon", "in the rain", "before the dawn", "at the edge of the wood"]


class Sentences(SourceFunction):
    """A new sentence each time, for ever."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.random = random.Random(7)

    def execute(self):
        choose = self.random.choice
        return f"{choose(WHO)} {choose(DOES)} {choose(WHO)} {choose(WHERE)}"


class Words(FlatMapFunction):
    def execute(self, sentence):
        return sentence.split()


class ByWord(KeyByFunction):
    def execute(self, word):
        return word


class CountWord(MapFunction):
    """Counts its own words."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.counts = {}

    def execute(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1
        return word, self.counts[word]


class PrintTotals(SinkFunction):
    """Keeps the latest count of each word and prints the most frequent words every two seconds."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.totals = {}
        self.next = time.monotonic() + 1

    def execute(self, data):
        word, count = data
        self.totals[word] = count
        if time.monotonic() >= self.next:
            self.next += 2
            most = sorted(self.totals.items(), key=lambda item: -item[1])[:5]
            print("  ".join(f"{word} {count:,}" for word, count in most))

    def close(self):
        print(f"{sum(self.totals.values()):,} words, {len(self.totals)} different ones")


def main():
    env = LocalEnvironment("word_count")
    (
        env.from_source(Sentences, delay=0.005)
        .flatmap(Words)
        .keyby(ByWord)
        .map(CountWord, parallelism=4)
        .sink(PrintTotals)
    )
    env.submit(autostop=True)


if __name__ == "__main__":
    CustomLogger.disable_global_console_debug()
    main()
