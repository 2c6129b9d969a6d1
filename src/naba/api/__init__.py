"""The functions of the Python interface: the commands' own work, with values for arguments and values for answers."""

import warnings

# Libraries say so on import in a notebook without ipywidgets; there are no bars of theirs to miss.
warnings.filterwarnings("ignore", message="IProgress not found")
