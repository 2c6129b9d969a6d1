"""Composing and checking experiments, and what they are known by."""

from naba.config.check import accepting, check, check_dataset, check_input, dataset_config, model_name, plain_dict
from naba.config.folders import (
    GROUPS,
    group_folders,
    names,
    section,
    yaml_path,
)
from naba.config.identity import IDENTITY_VERSION, PARTS_OF_A_SPLIT, Identity, digest, identify

__all__ = [
    "GROUPS",
    "IDENTITY_VERSION",
    "PARTS_OF_A_SPLIT",
    "Identity",
    "accepting",
    "check",
    "check_dataset",
    "check_input",
    "dataset_config",
    "digest",
    "group_folders",
    "identify",
    "model_name",
    "names",
    "plain_dict",
    "section",
    "yaml_path",
]
