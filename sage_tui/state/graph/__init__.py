"""The picture of a pipeline's graph in terminal cells: a pure function of its topology. See `sage_tui.state.layout`."""
