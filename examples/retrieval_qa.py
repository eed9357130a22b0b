"""Questions and answers: retrieve passages from a memory, rerank them, let a model answer.

There is no model and no network: `Model` sleeps as long as a small model would think (the latency is simulated) and
then quotes the best passage. The memory and its search are real, but small.

Watch   Questions come three times as fast as the model answers, one call at a time. The queue before `Answer` fills.
        After about fifteen seconds the header names the bottleneck: the model, and not the operator, whose three
        replicas only wait for it. Later the queues upstream are full too, and the source asks no faster than the model
        answers. In Service calls, compare how long a call waited with how long it took.
Run     sage-tui examples/retrieval_qa.py       runs until stopped
Try     Make the model faster (THINKING) and save, or ask about something that the memory does not know.
"""

import random
import time

from sage.common.utils.logging.custom_logger import CustomLogger
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.service.base_service import BaseService

THINKING = (0.15, 0.45)
"""Seconds that the simulated model takes: shortest and longest."""

PASSAGES = [
    "A heron can stand still in shallow water for more than an hour before it strikes.",
    "Tea leaves turn dark because their juices meet the air; green tea is heated early to stop that.",
    "The tide is higher when sun and moon pull in one line, at full moon and at new moon.",
    "Bread rises because yeast eats sugar and breathes out carbon dioxide.",
    "A compass needle points to the magnetic north, which wanders some fifty kilometres a year.",
    "Bees tell one another the way to flowers by dancing: the angle is the direction to the sun.",
    "Glass is made of sand, soda and lime, melted at some fifteen hundred degrees.",
    "Snow is white because its crystals scatter every colour of light alike.",
    "Lighthouses are told apart at night by the rhythm of their flashes.",
    "An echo needs a wall at least seventeen metres away, or the ear does not hear it apart.",
]

QUESTIONS = [
    "Why is snow white?",
    "How do bees tell the way to flowers?",
    "What is glass made of?",
    "When is the tide higher?",
    "How long can a heron stand still?",
    "Why does bread rise?",
    "How are lighthouses told apart at night?",
    "Why do tea leaves turn dark?",
    "Where does a compass needle point?",
    "How far away is the wall of an echo?",
]

SMALL_WORDS = {"a", "an", "and", "at", "by", "do", "does", "how", "in", "is", "of", "the", "to", "what", "when", "why"}


def words(text):
    """The words of a text, without the small ones."""
    return {word.strip(".,:;?").lower() for word in text.split()} - SMALL_WORDS


class Memory(BaseService):
    """Passages, found by the words they share with a query."""

    def setup(self):
        self.index = [(words(passage), passage) for passage in PASSAGES]

    def search(self, query, count=3):
        wanted = words(query)
        found = sorted(((len(wanted & known), passage) for known, passage in self.index), reverse=True)
        return [passage for _, passage in found[:count]]


class Model(BaseService):
    """Stands in for a language model: sleeps, then quotes the first passage of its prompt."""

    def setup(self):
        self.random = random.Random(11)

    def generate(self, question, passages):
        time.sleep(self.random.uniform(*THINKING))  # the simulated latency
        return passages[0] if passages else "I don't know."


class Ask(SourceFunction):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.random = random.Random(3)
        self.asked = 0
        self.next = time.monotonic()

    def execute(self):
        if time.monotonic() < self.next:
            return None  # nothing now: sage-tui asks again
        self.next = time.monotonic() + 0.1
        self.asked += 1
        return {"number": self.asked, "question": self.random.choice(QUESTIONS)}


class Retrieve(MapFunction):
    def execute(self, data):
        return {**data, "passages": self.call_service["memory"].search(data["question"], count=3)}


class Rerank(MapFunction):
    """Ranks passages by the words of the question they contain, relative to their length."""

    def execute(self, data):
        wanted = words(data["question"])

        def score(passage):
            known = words(passage)
            return len(wanted & known) / (5 + len(known))

        return {**data, "passages": sorted(data["passages"], key=score, reverse=True)}


class Answer(MapFunction):
    def execute(self, data):
        answer = self.call_service["model"].generate(data["question"], data["passages"], timeout=60)
        return {**data, "answer": answer}


class Show(SinkFunction):
    def execute(self, data):
        print(f"Q{data['number']}  {data['question']}")
        print(f"    {data['answer']}")


def main():
    env = LocalEnvironment("retrieval_qa")
    env.register_service("memory", Memory)
    env.register_service("model", Model)
    (env.from_source(Ask).map(Retrieve).map(Rerank).map(Answer, parallelism=3).sink(Show))
    env.submit(autostop=True)


if __name__ == "__main__":
    CustomLogger.disable_global_console_debug()
    main()
