"""The napari plugin: the dock widget, its layers, its keys. Knows napari and Qt; holds no algorithm."""
