"""From seen to unseen: models scored on other data sets than their own, and on targets that were left out.

Every drop is paired: the model that saw the data and the one that did not answer the same rows, in the same labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from naba.evaluation.transfer.measure import Entry, LeftOut, Matrix, leave_one_out, matrices
from naba.evaluation.transfer.page import left_out_table, matrix_tables, page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.tables import Table

__all__ = ["Entry", "LeftOut", "Matrix", "Transfer", "leave_one_out", "matrices"]


@dataclass(frozen=True)
class Transfer:
    """What is lost from seen to unseen data: a matrix a model, and the targets left out of a data set and model."""

    matrices: Sequence[Matrix]
    left_out: Sequence[LeftOut]

    def tables(self) -> list[Table]:
        """For a terminal, Markdown, CSV or LaTeX."""
        made = [table for matrix in self.matrices for table in matrix_tables(matrix)]
        return made + [left_out_table(one) for one in self.left_out]

    def page(self) -> str:
        """Heat maps as one self-contained page."""
        return page(self.matrices, self.left_out)
