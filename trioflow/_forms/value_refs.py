"""References to large values, which are noted when they are written."""

from __future__ import annotations

from typing import Any

from trioflow._forms.fields import FieldsForm
from trioflow._forms.form import Plain


class ValueRefForm(FieldsForm):
    """The form of references. A journal that names a value uses it, so it must not be deleted."""

    def dump(self, value: Any, depth: int) -> Plain:
        plain = super().dump(value, depth)
        self._forms.noted.append(value)
        return plain
