"""Owns the reading of YAML: safe, strict about keys given twice, and quick where PyYAML was built with libyaml."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from yaml import SafeLoader as _Loader
else:
    _Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotYaml(ValueError):  # noqa: N818 - what the text is, as with NotJson
    """The text is no YAML that is read here; its words say where and why."""


class _StrictLoader(_Loader):
    """The safe loader, refusing a key that is given twice."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - the overridden signature
    ) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _value in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key "{key}" is given twice', key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def read(data: bytes) -> object:
    """The value that `data` spells; `NotYaml` when there is none."""
    try:
        value: object = yaml.load(data, Loader=_StrictLoader)  # noqa: S506 - it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "#"
        raise NotYaml(f"{place}: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise NotYaml(f"#: {' '.join(str(error).split())}") from None
    return value
