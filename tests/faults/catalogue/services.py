"""Services that raise, exit, wait for one another or don't exist."""

from __future__ import annotations

from faults.catalogue.fault import Fault, pipeline, serving

FAULTS = (
    Fault(
        "service_constructor",
        "an exception in the constructor of a service",
        serving(
            """
            class Svc(BaseService):
                def __init__(self, *_, **__): raise ValueError("constructor")  # here
                def go(self, number): return number
            """
        ),
        failure="ValueError",
        errors=5,
    ),
    Fault(
        "service_setup",
        "an exception in `setup` of a service",
        serving(
            """
            class Svc(BaseService):
                def setup(self): raise ValueError("setup")  # here
                def go(self, number): return number
            """
        ),
        failure="ValueError",
        errors=5,
    ),
    Fault(
        "service_method",
        "an exception in a method of a service",
        serving(
            """
            class Svc(BaseService):
                def go(self, number):
                    if number == 3: raise ValueError("go")  # here
                    return number
            """
        ),
        failure="ValueError",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "service_stop",
        "exceptions in `stop` and `cleanup` of a service",
        serving(
            """
            class Svc(BaseService):
                def go(self, number): return number
                def stop(self): raise ValueError("stop")  # here
                def cleanup(self): raise ValueError("cleanup")
            """
        ),
        failure="ValueError",
        prints="got 5",
    ),
    Fault(
        "service_method_missing",
        "a method that the service doesn't have",
        serving("class Svc(BaseService):\n    def other(self, number): return number\n"),
        failure="RuntimeError",
        says="does not have method 'go'",
    ),
    Fault(
        "service_missing",
        "a service that was not registered",
        pipeline(
            """
            class Work(MapFunction):
                def execute(self, number): return self.call_service["nosuch"].go(number)  # here
            """
        ),
        failure="RuntimeError",
        errors=5,
        says="nosuch",
    ),
    Fault(
        "service_exits",
        "`sys.exit` in a service",
        serving(
            """
            class Svc(BaseService):
                def go(self, number):
                    if number == 3: sys.exit(5)  # here
                    return number
            """
        ),
        failure="SystemExit",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "service_cycle",
        "services that wait for one another",
        pipeline(
            """
            class A(BaseService):
                def go(self, number): return self.call_service["b"].go(number)
            class B(BaseService):
                def go(self, number): return self.call_service["a"].go(number)  # here
            class Work(MapFunction):
                def execute(self, number): return self.call_service["a"].go(number)
            """,
            """
            env.register_service("a", A)
            env.register_service("b", B)
            env.from_batch(Numbers).map(Work).sink(Show)
            """,
        ),
        failure="ServiceCycleError",
        says="service cycle",
    ),
)
