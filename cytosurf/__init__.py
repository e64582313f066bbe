"""cytosurf: decode functional maps of the human cortex from its cellular architecture."""
