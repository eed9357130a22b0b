"""两条数据流的连接：茶铺的订单和付款，按订单号配对。 Two streams joined: a tea house's orders and their payments.

Watch   Two sources meet in `Match`, which keeps whichever half comes first until the other arrives. Both streams are
        keyed by the order's number, so the two halves of an order always meet in the same replica. Payments come late
        and in another order, and one in ten never comes: the sink says how many orders are still waiting.
运行    sage-tui examples/join_streams.py       一直运行，直到停止
试试    修改 TEAS 里的茶名并保存，新版本立即运行。
"""

import random
import time
from collections import deque

from sage.common.utils.logging.custom_logger import CustomLogger
from sage.core.api.function.join_function import BaseJoinFunction
from sage.core.api.function.keyby_function import KeyByFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.local_environment import LocalEnvironment

TEAS = {"龙井": 38, "铁观音": 32, "普洱": 45, "茉莉花茶": 22, "白毫银针": 58}
GUESTS = ["小明", "阿兰", "老周", "林姐", "陈先生"]


class Orders(SourceFunction):
    """一位客人点一壶茶。"""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.random = random.Random(1)
        self.number = 0
        self.next = time.monotonic()

    def execute(self):
        if time.monotonic() < self.next:
            return None  # 现在没有新订单，稍后会再来取
        self.next = time.monotonic() + 0.2
        self.number += 1
        tea = self.random.choice(list(TEAS))
        return {"order": self.number, "guest": self.random.choice(GUESTS), "tea": tea, "price": TEAS[tea]}


class Payments(SourceFunction):
    """付款晚一些才到，顺序也不同；十笔里有一笔不付。"""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.random = random.Random(2)
        self.number = 0
        self.due = deque()
        self.next = time.monotonic()

    def execute(self):
        if time.monotonic() < self.next:
            return None
        self.next = time.monotonic() + 0.2
        self.number += 1
        if self.random.random() < 0.9:
            self.due.append(self.number)
        if len(self.due) < 8:
            return None
        self.due.rotate(self.random.randrange(4))
        return {"order": self.due.popleft(), "method": self.random.choice(["现金", "刷卡", "扫码"])}


class ByOrder(KeyByFunction):
    def execute(self, data):
        return data["order"]


class Match(BaseJoinFunction):
    """Keeps one half of an order until the other comes. Tag 0 is an order, tag 1 a payment."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.halves = {}

    def execute(self, payload, key, tag):
        if key not in self.halves:
            self.halves[key] = payload
            return []
        other = self.halves.pop(key)
        order, payment = (payload, other) if tag == 0 else (other, payload)
        return [{**order, **payment, "waiting": len(self.halves)}]


class Ledger(SinkFunction):
    def execute(self, sale):
        print(
            f"订单 {sale['order']:>4}  {sale['guest']} · {sale['tea']}  ¥{sale['price']}  {sale['method']}"
            f"  （还有 {sale['waiting']} 单未配对）"
        )


def main():
    env = LocalEnvironment("tea_house")
    orders = env.from_source(Orders).keyby(ByOrder)
    payments = env.from_source(Payments).keyby(ByOrder)
    orders.connect(payments).join(Match, parallelism=2).sink(Ledger)
    env.submit(autostop=True)


if __name__ == "__main__":
    CustomLogger.disable_global_console_debug()
    main()
