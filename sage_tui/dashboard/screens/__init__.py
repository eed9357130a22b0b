"""The screens: main, operator, service, failures, details, help."""
