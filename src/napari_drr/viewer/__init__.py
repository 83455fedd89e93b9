"""The napari face: the only place that imports napari, magicgui, qtpy and superqt."""
