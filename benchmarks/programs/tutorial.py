"""A typical first script, era 1: ten records, and a sink that calls a service for each; both print."""

from sage.common.utils.logging.custom_logger import CustomLogger
from sage.core.api.function.batch_function import BatchFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.service.base_service import BaseService


class Orders(BatchFunction):
    left = 10

    def execute(self):
        if not self.left:
            return None
        self.left -= 1
        return f"order {10 - self.left}"


class Stock(BaseService):
    def reserve(self):
        print("reserved")


class Receipt(SinkFunction):
    def execute(self, order):
        self.call_service["stock"].reserve()
        print("receipt for", order)


if __name__ == "__main__":
    CustomLogger.disable_global_console_debug()
    environment = LocalEnvironment("first_script")
    environment.register_service("stock", Stock)
    environment.from_batch(Orders).sink(Receipt)
    environment.submit(autostop=True)
    print("all served")
