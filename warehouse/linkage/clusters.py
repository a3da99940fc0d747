"""Connected components, and the repair of those that would make one person of two."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Indices = npt.NDArray[np.int64]


def components(left: Indices, right: Indices, size: int) -> Indices:
    """The component label of each of `size` nodes under the undirected edges left–right."""
    edges = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    labels: Indices = connected_components(edges, directed=False)[1].astype(np.int64)
    return labels


class ExclusiveClusters:
    """Clusters of mentions that may hold at most one citizen id each, and never both mentions of a pair in `apart`.

    Joins are offered in order of strength; a join that would put together what must not be together is refused.
    """

    def __init__(self, citizen_of: Mapping[int, str], apart: Iterable[tuple[int, int]] = ()) -> None:
        self._parent: dict[int, int] = {}
        self._citizen: dict[int, str] = dict(citizen_of)
        self._size: dict[int, int] = {}
        self._strangers: dict[int, set[int]] = {}
        for one, other in apart:
            self._strangers.setdefault(one, set()).add(other)
            self._strangers.setdefault(other, set()).add(one)

    def find(self, node: int) -> int:
        root = node
        while (above := self._parent.get(root, root)) != root:
            root = above
        while (above := self._parent.get(node, node)) != root:
            self._parent[node] = root
            node = above
        return root

    def size(self, root: int) -> int:
        return self._size.get(root, 1)

    def join(self, left: int, right: int) -> bool:
        """Join the two nodes' clusters unless that is forbidden; says whether they are together now."""
        left, right = sorted((self.find(left), self.find(right)))
        if left == right:
            return True
        one, other = self._citizen.get(left), self._citizen.get(right)
        if (one is not None and other is not None and one != other) or self._are_strangers(left, right):
            return False
        self._parent[right] = left
        self._size[left] = self.size(left) + self.size(right)
        if one is None and other is not None:
            self._citizen[left] = other
        if right in self._strangers:
            self._strangers.setdefault(left, set()).update(self._strangers.pop(right))
        return True

    def _are_strangers(self, left: int, right: int) -> bool:
        few, root = sorted(
            ((self._strangers.get(left, set()), right), (self._strangers.get(right, set()), left)),
            key=lambda side: len(side[0]),
        )[0]
        return any(self.find(stranger) == root for stranger in few)


def repair(
    groups: Iterable[Sequence[int]], citizen_of: Mapping[int, str], apart: Collection[tuple[int, int]] = ()
) -> tuple[dict[int, int], list[tuple[int, int]]]:
    """Cluster mentions anew under the one-citizen-id rule, pairs in `apart` never together.

    `groups`: the mentions that one identifier, or one judgement, says are one, strongest first. Within a group each
    mention joins the largest cluster that admits it, mentions with a citizen id first. Returns mention → cluster root,
    and the pairs of mentions that a group would join but were kept apart.
    """
    clusters = ExclusiveClusters(citizen_of, apart)
    kept_apart: list[tuple[int, int]] = []
    mentions: set[int] = set()
    for group in groups:
        mentions.update(group)
        roots: list[int] = []
        for mention in sorted(group, key=lambda found: (found not in citizen_of, found)):
            candidates = sorted({clusters.find(root) for root in roots}, key=lambda root: (-clusters.size(root), root))
            if not any(clusters.join(root, mention) for root in candidates):
                kept_apart.extend((root, mention) for root in candidates)
                roots.append(mention)
    return {mention: clusters.find(mention) for mention in sorted(mentions)}, kept_apart
