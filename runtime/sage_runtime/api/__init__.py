"""What SAGE scripts import, for all three eras; `sage_imports` serves it at the addresses where SAGE has it."""
