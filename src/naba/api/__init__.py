"""The functions of the Python interface: the commands' own work, with values for arguments and values for answers."""
