"""What widgets and screens are made of: strips, tables, texts, panes, grid, theme."""
