"""Events in, what to show out: pure, without I/O, threads or Textual."""
