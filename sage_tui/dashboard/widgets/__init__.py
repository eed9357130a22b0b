"""The widgets of the main screen: graph, tables, header, key bar, prompt."""
