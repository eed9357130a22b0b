"""What the widgets are made of: strips, tables, panes, layout, theme."""
