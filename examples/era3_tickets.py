"""The third era's spelling: `sage.runtime` and `sage.foundation`.

Watch   Tickets are split into complaints, and each complaint goes to the right desk. In this era the first record that
        fails ends the run, so none does. An operator may also be a lambda.
Run     sage-tui examples/era3_tickets.py
"""

from sage.foundation import FlatMapFunction, MapFunction, SinkFunction
from sage.runtime import BaseService, LocalEnvironment

TICKETS = [
    {"id": 1, "text": "the lamp flickers; the invoice is wrong"},
    {"id": 2, "text": "where is my parcel"},
    {"id": 3, "text": "the invoice came twice; the parcel is wet; thank you for the lamp"},
]


class Complaints(FlatMapFunction):
    def execute(self, ticket):
        return [{"id": ticket["id"], "text": part.strip()} for part in ticket["text"].split(";")]


class Assign(MapFunction):
    def execute(self, complaint):
        return {**complaint, "desk": self.call_service("desks", complaint["text"])}


class Desks(BaseService):
    """Knows which desk deals with what. A call by name alone goes to its method `process`."""

    def process(self, text):
        words = {"invoice": "accounts", "parcel": "shipping", "lamp": "workshop"}
        return next((desk for word, desk in words.items() if word in text), "front desk")


class Show(SinkFunction):
    def execute(self, complaint):
        print(f"ticket {complaint['id']} → {complaint['desk']:<10} {complaint['text']}")


def main():
    env = LocalEnvironment("tickets")
    env.register_service("desks", Desks)
    complaints = env.from_batch(TICKETS).flatmap(Complaints)
    complaints.filter(lambda complaint: "thank you" not in complaint["text"]).map(Assign).sink(Show)
    env.submit(autostop=True)


if __name__ == "__main__":
    main()
