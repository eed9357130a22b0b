"""Events in, what to show out: pure, without I/O, threads or Textual."""

from sage_tui.state.bottleneck import bottleneck
from sage_tui.state.run_state import RunState, StateError

__all__ = ["RunState", "StateError", "bottleneck"]
