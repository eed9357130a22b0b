"""The peak resident memory in MB of a four-operator run, era 1: `python memory_sage.py RECORDS RESULT`."""

import resource
import sys
from pathlib import Path

from sage.core.api.local_environment import LocalEnvironment

environment = LocalEnvironment("memory")
numbers = environment.from_batch(range(int(sys.argv[1])))
numbers.map(lambda value: value + 1).filter(lambda value: value & 1 == 0).sink(lambda value: None)
environment.submit(autostop=True)
Path(sys.argv[2]).write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
