"""Plug-ins of Hydra, which takes them only from the namespace `hydra_plugins`."""
