"""The terminal: driver, output, signals, clipboard."""
