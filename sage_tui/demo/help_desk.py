"""A help desk that answers by itself: what `sage-tui --demo` shows.

Letters come in; each is read, split into its questions, looked up by topic on keyed replicas, and answered by a slow
(simulated) model. Answers that are too vague go round again. Some letters are garbled, and the model falls over now
and then, so that there is something in every pane.

Watch   `Answer` is the bottleneck: it waits for the model. Enter on it, or on `model`, says more.
Try     `6` for what failed and why, `t` on Letters for the way of one letter, `p` and `s` to step, `c` for charts.
"""

import random
import time

from sage.common.utils.logging.custom_logger import CustomLogger
from sage.core.api.function.filter_function import FilterFunction
from sage.core.api.function.flatmap_function import FlatMapFunction
from sage.core.api.function.keyby_function import KeyByFunction
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.service.base_service import BaseService

LETTERS_A_SECOND = 8

PEOPLE = ["Mr. Badger", "the lighthouse", "林姐", "Ada", "the night porter", "Señor Ortiz"]
TOPICS = {
    "lamp": "Turn the wick up until the flame is as high as a thumb.",
    "boat": "Oars are kept under the third bench, dry side down.",
    "tea": "Two leaves and a bud; the water must not boil.",
    "clock": "Wind it on Mondays, and never past noon.",
}


class Letters(SourceFunction):
    """A letter now and then, a garbled one among thirty."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.random = random.Random(11)
        self.number = 0
        self.next = time.monotonic()

    def execute(self):
        if time.monotonic() < self.next:
            return None  # nothing now: it will be asked again
        self.next = time.monotonic() + self.random.uniform(0.5, 1.5) / LETTERS_A_SECOND
        self.number += 1
        topics = self.random.sample(sorted(TOPICS), self.random.choice([1, 1, 2]))
        words = "; ".join(f"what about the {topic}?" for topic in topics)
        person = self.random.choice(PEOPLE)
        return f"{self.number}|{person}" if self.number % 30 == 7 else f"{self.number}|{person}|{words}"


class Read(MapFunction):
    """Takes a letter apart; a garbled one has no third part."""

    def execute(self, letter):
        number, person, words = letter.split("|")
        return {"letter": int(number), "from": person, "words": words}


class Questions(FlatMapFunction):
    """Each question for itself."""

    def execute(self, letter):
        return [{**letter, "topic": words.split()[-1].rstrip("?")} for words in letter["words"].split(";")]


class ByTopic(KeyByFunction):
    """The same topic always goes to the same shelf."""

    def execute(self, question):
        return question["topic"]


class LookUp(MapFunction):
    """Finds what the library says."""

    def execute(self, question):
        found = self.call_service["library"].find(question["topic"])
        return {**question, "found": found, "rounds": 0}


class Answer(MapFunction):
    """Has the model write an answer; vague the first time, better with each round."""

    def execute(self, question):
        text, clear = self.call_service["model"].write(question["found"], question["rounds"], timeout=30)
        if not clear:
            self.logger.warning(f"letter {question['letter']}: too vague, once more")
        return {**question, "answer": text, "clear": clear, "rounds": question["rounds"] + 1}


class Clear(FilterFunction):
    """Lets clear answers go."""

    def execute(self, question):
        return question["clear"]


class Vague(FilterFunction):
    """Sends the others round again."""

    def execute(self, question):
        return not question["clear"]


class Send(SinkFunction):
    """Prints the answer."""

    def execute(self, question):
        again = "" if question["rounds"] == 1 else f"  ({question['rounds']} rounds)"
        print(f"{question['from']}: {question['answer']}{again}")


class Library(BaseService):
    """Knows everything, and quickly."""

    def find(self, topic):
        time.sleep(0.002)
        return TOPICS[topic]


class Model(BaseService):
    """Writes slowly, sometimes very slowly, and falls over now and then."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.random = random.Random(12)
        self.written = 0

    def write(self, found, rounds):
        self.written += 1
        time.sleep(self.random.choice([0.03, 0.04, 0.05, 0.06, 0.25]))
        if self.written % 41 == 0:
            raise ConnectionError("the model has lost its thread")
        return found, self.random.random() < 0.75 + 0.2 * rounds


def main():
    """Build the pipeline and run it until it is stopped."""
    env = LocalEnvironment("help_desk")
    env.register_service("library", Library)
    env.register_service("model", Model)
    again = env.from_future("again")
    questions = env.from_source(Letters).map(Read).flatmap(Questions)
    found = questions.keyby(ByTopic).map(LookUp, parallelism=3)
    answered = found.connect(again).map(Answer)
    answered.filter(Clear).sink(Send)
    answered.filter(Vague).fill_future(again)
    env.submit(autostop=True)


if __name__ == "__main__":
    CustomLogger.disable_global_console_debug()
    main()
