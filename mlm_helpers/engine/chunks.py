"""Fits to data that do not fit in memory: the rows pass by in chunks, the cross-products stay.

A source is anything that yields pandas frames: a Parquet file or folder, a Dask DataFrame, a
function that returns an iterator, a list of frames, or an iterator that can be read once. Group
means and centering are added on the way by :func:`with_centering`, in two passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.design import Design, build_design, term_of_frame
from mlm_helpers.engine.formula import ParsedFormula, parse_formula
from mlm_helpers.engine.identified import better_basis
from mlm_helpers.engine.moments import Basis, GroupSums, Moments, add_rows, from_sums, left_over
from mlm_helpers.engine.names import variables_of
from mlm_helpers.engine.result import MLMFit, basis_of, fit_moments
from mlm_helpers.engine.rows import (
    check_columns,
    complete_rows,
    group_codes,
    known_columns,
)
from mlm_helpers.engine.structure import VariableInfo
from mlm_helpers.engine.variables import centering, one_value_a_group
from mlm_helpers.errors import MLMError, needed

Array = NDArray[np.float64]
Columns = list[str] | None
# Several results made one; True when the first is the merge's own, which it may then change.
Merge = Callable[[list[Any], bool], Any]
ROWS_PER_CHUNK = 500_000
_TOGETHER = 100_000  # groups that wait before they are merged
_STATEFUL = {"center", "scale", "standardize", "poly", "bs", "cs", "cr", "cc", "hashed"}


# ---- sources ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Source:
    """Chunks of rows.

    Attributes
    ----------
    read : starts a pass over chunks that hold at least the columns asked for (None: all)
    rows : how many rows there are, where that is known beforehand
    once : there is only one pass
    dask : the Dask DataFrame behind it, if the work is to be done where its partitions are
    prepare : what each chunk goes through after it was read
    """

    read: Callable[[Columns], Iterator[pd.DataFrame]]
    rows: int | None = None
    once: bool = False
    name: str = ""
    dask: Any = None
    prepare: Centering | None = None

    def chunks(self, columns: Columns) -> Iterator[pd.DataFrame]:
        """Start a pass over the chunks, with these columns (None: all)."""
        if self.prepare is None:
            yield from self.read(columns)
            return
        for chunk in self.read(self.raw(columns)):
            yield self.prepare(chunk, columns)

    def raw(self, columns: Columns) -> Columns:
        """The columns to be read so that ``columns`` can be made of them."""
        return self.prepare.needed(columns) if self.prepare and columns is not None else columns


def open_source(data: Any) -> Source:
    """Make a :class:`Source` of a path, a Dask DataFrame, a function, a list or an iterator.

    Raises
    ------
    MLMError
        When the file does not exist or the object is none of these.
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, (str, Path)):
        return _parquet(Path(data))
    if is_dask(data):
        return Source(lambda columns: _partitions(data, columns), dask=data)
    if callable(data):
        return Source(lambda columns: _picked(data(), columns))
    if isinstance(data, (list, tuple)):
        frames = list(data)
        return Source(lambda columns: _picked(frames, columns))
    if isinstance(data, Iterable):
        return Source(_only_once(iter(data)), once=True)
    raise MLMError(
        "data must be a pandas DataFrame, a Parquet file or folder, a Dask DataFrame, or chunks "
        f"of pandas frames; got {type(data).__name__}."
    )


def is_dask(data: Any) -> bool:
    """True for a Dask DataFrame, without importing Dask."""
    return type(data).__module__.split(".")[0] in ("dask", "dask_expr") and hasattr(
        data, "map_partitions"
    )


def _parquet(path: Path) -> Source:
    if not path.exists():
        raise MLMError(f"There is no file or folder {str(path)!r}: check the name.")
    if path.is_file() and path.suffix.lower() not in (".parquet", ".pq", ".parq"):
        raise MLMError(
            f"{path.name!r} is not a Parquet file: read it with pandas first, such as "
            "pd.read_csv, and pass the frame or its chunks."
        )
    ds = needed("pyarrow.dataset", "Reading Parquet files", "files")
    try:
        table = ds.dataset(path, format="parquet")
        rows = table.count_rows()
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise MLMError(f"{path.name!r} cannot be read as Parquet ({reason}).") from None

    def chunks(columns: list[str] | None) -> Iterator[pd.DataFrame]:
        names = None if columns is None else [c for c in columns if c in table.schema.names]
        # read ahead by one batch: more of them would sit in memory beside the one in use
        batches = table.to_batches(
            columns=names,
            batch_size=ROWS_PER_CHUNK,
            batch_readahead=1,
            fragment_readahead=1,
            fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
        )
        for batch in batches:
            if batch.num_rows:
                yield batch.to_pandas()

    return Source(chunks, rows=rows, name=path.stem)


def _partitions(data: Any, columns: list[str] | None) -> Iterator[pd.DataFrame]:
    if columns is not None:
        data = data[[c for c in columns if c in data.columns]]
    for k in range(data.npartitions):
        yield data.get_partition(k).compute()


def _picked(frames: Iterable[pd.DataFrame], columns: list[str] | None) -> Iterator[pd.DataFrame]:
    for frame in frames:
        if not isinstance(frame, pd.DataFrame):
            raise MLMError(f"A chunk must be a pandas DataFrame; got {type(frame).__name__}.")
        yield frame if columns is None else frame[[c for c in columns if c in frame.columns]]


def _only_once(
    iterator: Iterator[pd.DataFrame],
) -> Callable[[list[str] | None], Iterator[pd.DataFrame]]:
    used = [False]

    def chunks(columns: list[str] | None) -> Iterator[pd.DataFrame]:
        if used[0]:
            raise MLMError(
                "These chunks can be read once, but a second pass is needed: pass a function that "
                "returns the chunks anew, or a Parquet file."
            )
        used[0] = True
        return _picked(iterator, columns)

    return chunks


def in_one_pass(
    source: Source,
    columns: list[str],
    work: Callable[[pd.DataFrame], Any],
    merge: Merge,
    progress: bool,
    what: str,
) -> Any:
    """``work`` on every chunk, merged: on the cluster for Dask, else here, one after the other.

    None when there is no chunk. ``work`` returns None for a chunk that adds nothing.
    """
    if source.dask is not None:
        return _on_the_cluster(source, columns, work, merge)
    waiting = _Waiting(merge)
    bar = None
    if progress:
        from tqdm.auto import tqdm

        bar = tqdm(total=source.rows, unit=" rows", unit_scale=True, desc=what)
    try:
        for chunk in source.chunks(columns):
            waiting.add(work(chunk))
            if bar is not None:
                bar.update(len(chunk))
    finally:
        if bar is not None:
            bar.close()
    return waiting.merged()


class _Waiting:
    """Results that are merged when those that wait outgrow what is merged already, so that memory
    stays small and the work grows no faster than the rows."""

    def __init__(self, merge: Merge):
        self.merge, self.mine = merge, False
        self.results: list[Any] = []
        self.size = 0

    def add(self, result: Any) -> None:
        if result is None:
            return
        self.results.append(result)
        self.size += len(result)
        if self.size > max(_TOGETHER, 2 * len(self.results[0])) and len(self.results) > 1:
            self.merged()

    def merged(self) -> Any:
        if len(self.results) > 1:
            self.results, self.mine = [self.merge(self.results, self.mine)], True
            self.size = len(self.results[0])
        return self.results[0] if self.results else None


def _on_the_cluster(
    source: Source,
    columns: list[str],
    work: Callable[[pd.DataFrame], Any],
    merge: Merge,
) -> Any:
    """Dask: the workers keep the rows and merge their results; one result comes back."""
    import dask

    data, raw = source.dask, source.raw(columns) or columns
    known = [c for c in raw if c in data.columns]  # a missing one is reported by the work itself
    shared = dask.delayed(_Job(work, merge, source.prepare, columns), pure=False, traverse=False)
    run = dask.delayed(_Job.run, pure=False)
    join = dask.delayed(_Job.join, pure=False)
    tasks = [run(shared, part) for part in data[known].to_delayed()]
    while len(tasks) > 1:
        tasks = [join(shared, tasks[k : k + 4]) for k in range(0, len(tasks), 4)]
    return tasks[0].compute() if tasks else None


@dataclass(frozen=True)
class _Job:
    """What the workers need, sent to each of them once."""

    work: Callable[[pd.DataFrame], Any]
    merge: Merge
    prepare: Centering | None
    columns: list[str]

    def run(self, part: pd.DataFrame) -> Any:
        if self.prepare is not None:
            part = self.prepare(part, self.columns)
        return self.work(part) if len(part) else None

    def join(self, results: list[Any]) -> Any:
        some = [r for r in results if r is not None]
        return self.merge(some, False) if some else None


# ---- group means and centering in two passes ----------------------------------------------------
def group_means(
    data: Any, columns: Iterable[str], group: str, *, progress: bool = False
) -> pd.DataFrame:
    """Mean of each column in each group and ``n``, in one pass over the chunks.

    Raises
    ------
    MLMError
        When a column is missing, not numeric, or has missing values.
    """
    names = list(columns)
    work = partial(_sums_of, names=names, group=group)
    total = in_one_pass(
        open_source(data), [*names, group], work, _add_frames, progress, "group means"
    )
    if total is None:
        raise MLMError("The data have no rows.")
    total = total.sort_index()
    total[names] = total[names].div(total["n"], axis=0)
    return total.rename_axis(group)


def _sums_of(chunk: pd.DataFrame, names: list[str], group: str) -> pd.DataFrame:
    known_columns(chunk, [*names, group], group)
    _complete(chunk, [*names, group])
    # by the column itself: its name may be the name of the index as well
    groups = chunk[names].groupby(chunk[group], observed=True)
    return groups.sum().assign(n=groups.size())


def _add_frames(frames: list[pd.DataFrame], _: bool) -> pd.DataFrame:
    return pd.concat(frames).groupby(level=0).sum()


def _complete(chunk: pd.DataFrame, names: list[str]) -> None:
    for name in names:
        missing = int(chunk[name].isna().sum())
        if missing:
            raise MLMError(
                f"Column {name!r} has missing values ({missing} in one chunk): drop or fill those "
                "rows first, because a group mean would silently be one of fewer rows."
            )


def with_centering(
    data: Any,
    group: str,
    *,
    group_mean: Mapping[str, str] | None = None,
    center_within: Mapping[str, str] | None = None,
    center_grand: Mapping[str, str] | None = None,
    progress: bool = False,
) -> Source:
    """A source with group means and centered columns added, as the functions of
    :mod:`mlm_helpers.data.centering` compute them on a whole frame.

    Parameters
    ----------
    group_mean : new column → column whose group mean it holds
    center_within : new column → column from which the group mean is subtracted
    center_grand : new column → column (or new group mean) whose mean over rows is subtracted

    The first pass finds the means, each later one adds the columns to the chunks.
    """
    means, within, grand = (
        dict(group_mean or {}),
        dict(center_within or {}),
        dict(center_grand or {}),
    )
    source = open_source(data)
    raw = sorted(
        {*means.values(), *within.values(), *(c for c in grand.values() if c not in means)}
    )
    if source.prepare is not None:
        raise MLMError("These chunks are centered already: ask for all columns in one call.")
    if source.once:
        raise MLMError(
            "Centering needs two passes, but these chunks can be read once: pass a function that "
            "returns the chunks anew, or a Parquet file."
        )
    table = group_means(source, raw, group, progress=progress)
    weights = table["n"] / table["n"].sum()
    over_rows = {
        new: float((table[means.get(old, old)] * weights).sum()) for new, old in grand.items()
    }
    prepare = Centering(group, table[raw], means, within, grand, over_rows)
    return replace(source, prepare=prepare)


@dataclass(frozen=True)
class Centering:
    """Adds group means and centered columns to a chunk, once the means are known.

    ``table`` holds the group means of the columns in use, ``over_rows`` the grand means.
    """

    group: str
    table: pd.DataFrame
    means: dict[str, str]
    within: dict[str, str]
    grand: dict[str, str]
    over_rows: dict[str, float]

    def needed(self, columns: list[str]) -> list[str]:
        """The columns to be read so that ``columns`` can be made."""
        made = {*self.means, *self.within, *self.grand}
        return sorted({*columns, *self.table.columns, self.group} - made)

    def __call__(self, chunk: pd.DataFrame, columns: Columns) -> pd.DataFrame:
        at = self.table.index.get_indexer(pd.Index(chunk[self.group]))
        own = {name: self.table[name].to_numpy()[at] for name in self.table.columns}
        added = {new: own[old] for new, old in self.means.items()}
        added |= {new: chunk[old].to_numpy() - own[old] for new, old in self.within.items()}
        for new, old in self.grand.items():
            values = added[old] if old in self.means else chunk[old].to_numpy()
            added[new] = values - self.over_rows[new]
        out = chunk.assign(**added)
        return out if columns is None else out[[c for c in columns if c in out.columns]]


# ---- the fit ------------------------------------------------------------------------------------
class ChunkedDesign(Design):
    """A design whose rows have passed by: everything but the rows themselves."""

    keeps_rows = False
    _ROWS = ("x", "z", "y", "codes", "data", "first_rows")

    def __init__(self, first: Design, kept: Kept):
        for name in ("formula", "columns", "random", "blocks", "spec", "random_specs"):
            object.__setattr__(self, name, getattr(first, name))
        object.__setattr__(self, "labels", kept.labels)
        counts = kept.dropped
        dropped = {n: counts[n] for n in first.formula.variables if n in counts}
        object.__setattr__(self, "dropped", dropped)
        object.__setattr__(self, "n_dropped", kept.n_dropped)
        object.__setattr__(self, "_kept", kept)

    def __getattr__(self, name: str) -> Any:
        if name in ChunkedDesign._ROWS:
            raise MLMError(
                "This fit was made from chunks and keeps no rows: use fit.predict(chunk) for "
                "fitted values, and subtract them from the outcome for residuals."
            )
        raise AttributeError(name)

    def describe(self) -> dict[str, VariableInfo]:
        """Level, kind and centering of each variable, from what each chunk left behind."""
        return {name: self._kept.describe(name) for name in self._kept.columns}

    @property
    def group_frame(self) -> pd.DataFrame:
        """The level-2 variables, one row per group."""
        level2 = [v.name for v in self.structure.variables.values() if v.level == 2]
        frame = pd.DataFrame({name: self._kept.values(name) for name in level2})
        return frame.set_axis(pd.Index(self.labels, name=self.formula.group), axis=0)

    def level2_values(self, term: str) -> Array:
        """A level-2 term, one value per group."""
        frame = self.group_frame.assign(**{self.formula.group: self.labels})
        return term_of_frame(self.structure.parts_of(term), frame, self.formula)


@dataclass(frozen=True)
class Kept:
    """What chunks leave behind: a row of numbers for each group, and totals.

    ``sums`` (J, 1 + q² + q(p + 1) + v) holds n, Z'Z, Z'[X y] and the sum of each of the v
    variables, ``low`` and ``high`` (J, v) their lowest and highest values (codes for categories).
    """

    columns: tuple[str, ...]
    categories: dict[str, pd.Index]
    labels: NDArray
    sums: Array
    low: Array
    high: Array
    ww: Array
    square: Array
    seen: tuple[frozenset, ...]
    dropped: dict[str, int]
    n_dropped: int

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def n(self) -> NDArray[np.int64]:
        """(J,) rows of each group."""
        return np.rint(self.sums[:, 0]).astype(np.int64)

    def group_sums(self, q: int) -> GroupSums:
        """The cross-products in their shapes."""
        w, groups = len(self.ww), len(self)
        zz = self.sums[:, 1 : 1 + q * q].reshape(groups, q, q).copy()
        zw = self.sums[:, 1 + q * q : 1 + q * q + q * w].reshape(groups, q, w).copy()
        return GroupSums(self.n, zz, zw, self.ww)

    def without_products(self) -> Kept:
        """Only what describes the variables: the rest lives on in the moments."""
        v = len(self.columns)
        return replace(
            self, sums=self.sums[:, [0, *range(self.sums.shape[1] - v, self.sums.shape[1])]]
        )

    def values(self, name: str) -> Any:
        """The value of a level-2 variable in each group."""
        low = self.low[:, self.columns.index(name)]
        if name in self.categories:
            return self.categories[name].take(low.astype(int))
        return low

    def describe(self, name: str) -> VariableInfo:
        """Level, kind and centering of one variable."""
        at = self.columns.index(name)
        low, high = self.low[:, at], self.high[:, at]
        level = 2 if one_value_a_group(low, high).all() else 1
        if name in self.categories:
            names = tuple(map(str, self.categories[name]))
            return VariableInfo(name, level, "categorical", names, len(names) == 2)
        values = sorted(self.seen[at])
        categories = tuple(f"{v:g}" for v in values) if len(values) <= 2 else ()
        total = self.sums[:, at - len(self.columns)]
        found = centering(level, self.n.astype(float), total, float(self.square[at]), len(values))
        two = len(values) == 2
        return VariableInfo(name, level, "numeric", categories, two, found.which, found.off)


def merge_kept(pieces: list[Kept], mine: bool = False) -> Kept:
    """Add up what several chunks left behind; a group may be in several of them.

    With ``mine`` the first may be changed: what brings no new group is added to it in place.
    """
    if mine:
        totals = _totals(pieces)
        whole, new = pieces[0], [p for p in pieces[1:] if not _added(p, pieces[0])]
        return replace(merge_kept([whole, *new]) if new else whole, **totals)
    filled = [p for p in pieces if len(p)]  # an empty piece has no type of labels
    if not filled:
        return replace(pieces[0], **_totals(pieces))
    found, labels = group_codes(np.concatenate([p.labels for p in filled]), "group")
    first, groups = filled[0], len(labels)
    sums = np.zeros((groups, first.sums.shape[1]))
    low = np.full((groups, first.low.shape[1]), np.inf)
    high = np.full_like(low, -np.inf)
    ends = np.cumsum([len(p) for p in filled])
    for piece, end in zip(filled, ends, strict=True):
        at = found[end - len(piece) : end]  # each group at most once
        sums[at] += piece.sums
        low[at] = np.minimum(low[at], piece.low)
        high[at] = np.maximum(high[at], piece.high)
    return replace(first, labels=labels, sums=sums, low=low, high=high, **_totals(pieces))


def _added(piece: Kept, whole: Kept) -> bool:
    """Add a piece to the whole in place, if all of its groups are there already."""
    if not len(piece):
        return True
    if whole.labels.dtype != piece.labels.dtype:
        return False
    if whole.labels.dtype.kind in "iuf":  # sorted numbers: no need of a table of all of them
        at = np.minimum(np.searchsorted(whole.labels, piece.labels), len(whole) - 1)
        there = whole.labels[at] == piece.labels
    else:
        at = pd.Index(whole.labels).get_indexer(pd.Index(piece.labels))
        there = at >= 0
    if not there.all():
        return False
    whole.sums[at] += piece.sums
    whole.low[at] = np.minimum(whole.low[at], piece.low)
    whole.high[at] = np.maximum(whole.high[at], piece.high)
    return True


def _totals(pieces: list[Kept]) -> dict[str, Any]:
    names = dict.fromkeys(n for p in pieces for n in p.dropped)
    seen = zip(*(p.seen for p in pieces), strict=True)
    return {
        "ww": np.sum([p.ww for p in pieces], axis=0),
        "square": np.sum([p.square for p in pieces], axis=0),
        "seen": tuple(_three(frozenset().union(*values)) for values in seen),
        "dropped": {n: sum(p.dropped.get(n, 0) for p in pieces) for n in names},
        "n_dropped": sum(p.n_dropped for p in pieces),
    }


def _three(values: Iterable[float]) -> frozenset:
    """At most three of them: enough to tell two values from many."""
    return frozenset(sorted(values)[:3])


def _up_to_three(values: Array) -> frozenset:
    some = pd.unique(values[:1000])
    return _three((some if len(some) > 2 else pd.unique(values)).tolist())


def fit_chunks(formula: str, data: Any, reml: bool = True, progress: bool = False) -> MLMFit:
    """Fit a two-level model to chunks of rows; see :func:`mlm_helpers.engine.fit.fit_mlm`.

    Only the cross-products of the groups are kept, so that memory grows with the number of groups
    and not of rows. Groups may be split over chunks. Functions that look at a whole column
    (``poly``, ``scale``, ``bs`` and the like) cannot be used in the formula.
    """
    parsed = parse_formula(formula)
    _no_stateful(parsed)
    source = open_source(data)
    columns = list(parsed.variables)
    first, source = _first_chunk(source, columns)
    known_columns(first, columns, parsed.group)
    categories = _categories(parsed, source, first, progress)
    design = build_design(parsed, _coded(complete_rows(first[columns])[0], categories), True)
    basis = basis_of(design)
    recipe = _Recipe.of(design, categories)
    work = partial(_piece, recipe=recipe, basis=basis)
    kept = in_one_pass(source, columns, work, merge_kept, progress, "cross-products")
    moments = from_sums(kept.labels, kept.group_sums(len(design.random)), basis)
    better = better_basis(moments)
    if better is not None and not source.once:
        work = partial(_piece, recipe=recipe, basis=better)
        kept = in_one_pass(source, columns, work, merge_kept, progress, "cross-products")
        moments = from_sums(kept.labels, kept.group_sums(len(design.random)), better)
    kept = kept.without_products()
    if moments.cancels and not source.once:
        second = partial(_left_over, recipe=recipe, moments=moments)
        within = in_one_pass(source, columns, second, _add, progress, "within groups")
        moments = replace(moments, within=within)
    return fit_moments(moments, ChunkedDesign(design, kept), reml, source.name)


@dataclass(frozen=True)
class _Recipe:
    """How the columns of the model are made of a chunk; holds no rows."""

    design: Design
    categories: dict[str, pd.Index]

    @classmethod
    def of(cls, design: Design, categories: dict[str, pd.Index]) -> _Recipe:
        random_specs = design.random_specs  # read from the rows, which then go
        bare = replace(
            design,
            x=np.zeros((0, 0)),
            z=np.zeros((0, 0)),
            y=np.zeros(0),
            codes=np.zeros(0, dtype=np.intp),
            data=design.data.iloc[:0],
        )
        object.__setattr__(bare, "random_specs", random_specs)
        return cls(bare, categories)

    @property
    def columns(self) -> tuple[str, ...]:
        parsed = self.design.formula
        return tuple(c for c in parsed.variables if c != parsed.group)

    def numbers(self, values: pd.Series) -> Array:
        """A variable as numbers, categories as their codes."""
        if values.name in self.categories:
            return self.categories[str(values.name)].get_indexer(pd.Index(values)).astype(float)
        return values.to_numpy(dtype=float)


def _piece(chunk: pd.DataFrame, recipe: _Recipe, basis: Basis) -> Kept:
    """What one chunk leaves behind."""
    parsed = recipe.design.formula
    names = list(parsed.variables)
    known_columns(chunk, names, parsed.group)
    frame, dropped, n_dropped = complete_rows(chunk[names])
    if not len(frame):
        return _nothing(recipe, dropped, n_dropped)
    check_columns(frame, parsed)
    codes, labels = group_codes(frame[parsed.group], parsed.group)
    groups = len(labels)
    order = np.argsort(codes, kind="stable")
    x, z, y = recipe.design.columns_of(_coded(frame, recipe.categories))
    sums = add_rows(x, z, y, codes, groups, basis, order)
    raw = [recipe.numbers(frame[name]) for name in recipe.columns]
    starts = np.concatenate([[0], np.cumsum(sums.n)[:-1]])
    low, high, total = np.empty((3, groups, len(raw)))
    for k, values in enumerate(raw):
        v = values[order]
        low[:, k] = np.minimum.reduceat(v, starts)
        high[:, k] = np.maximum.reduceat(v, starts)
        total[:, k] = np.add.reduceat(v, starts)
    flat = (sums.n[:, None], sums.zz.reshape(groups, -1), sums.zw.reshape(groups, -1), total)
    return Kept(
        columns=recipe.columns,
        categories=recipe.categories,
        labels=labels,
        sums=np.hstack(flat),
        low=low,
        high=high,
        ww=sums.ww,
        square=np.array([np.einsum("i,i->", v, v) for v in raw]),
        seen=tuple(_up_to_three(v) for v in raw),
        dropped=dropped,
        n_dropped=n_dropped,
    )


def _nothing(recipe: _Recipe, dropped: dict[str, int], n_dropped: int) -> Kept:
    """What a chunk without a complete row leaves behind: its count of rows left out."""
    v, q = len(recipe.columns), len(recipe.design.random)
    w = len(recipe.design.columns) + 1
    return Kept(
        columns=recipe.columns,
        categories=recipe.categories,
        labels=np.empty(0, dtype=object),
        sums=np.empty((0, 1 + q * q + q * w + v)),
        low=np.empty((0, v)),
        high=np.empty((0, v)),
        ww=np.zeros((w, w)),
        square=np.zeros(v),
        seen=(frozenset(),) * v,
        dropped=dropped,
        n_dropped=n_dropped,
    )


def _add(arrays: list[Array], _: bool) -> Array:
    return np.sum(arrays, axis=0)


def _left_over(chunk: pd.DataFrame, recipe: _Recipe, moments: Moments) -> Array | None:
    """What the groups' regressions leave over in one chunk, for data whose groups differ so much
    that a subtraction of totals costs digits."""
    parsed = recipe.design.formula
    frame = complete_rows(chunk[list(parsed.variables)])[0]
    if not len(frame):
        return None
    x, z, y = recipe.design.columns_of(_coded(frame, recipe.categories))
    codes = pd.Index(moments.labels).get_indexer(pd.Index(frame[parsed.group]))
    return left_over(moments, x, z, y, codes)


def _no_stateful(parsed: ParsedFormula) -> None:
    for part in (parsed.lhs, parsed.fixed, *parsed.random):
        for term in part:
            for factor in term.factors:
                called = factor.expr.split("(", 1)[0].strip()
                if "(" in factor.expr and called in _STATEFUL:
                    raise MLMError(
                        f"'{factor.expr}' needs a whole column at once, which chunks do not have: "
                        "compute that column before the fit (with_centering centers in chunks)."
                    )


def _first_chunk(source: Source, columns: list[str]) -> tuple[pd.DataFrame, Source]:
    """The first chunk with a complete row, and a source that still begins with it."""
    if not source.once:
        for chunk in source.chunks(columns):
            if set(columns) <= set(chunk.columns) and not len(complete_rows(chunk[columns])[0]):
                continue
            return chunk, source
        raise MLMError("The data have no complete rows: there is nothing to fit.")
    iterator = source.chunks(columns)
    held: list[pd.DataFrame] = []
    for chunk in iterator:
        held.append(chunk)
        if not set(columns) <= set(chunk.columns) or len(complete_rows(chunk[columns])[0]):
            break
    else:
        raise MLMError("The data have no complete rows: there is nothing to fit.")

    def rest(_: list[str] | None) -> Iterator[pd.DataFrame]:
        yield from held
        yield from iterator

    return held[-1], Source(rest, source.rows, once=True)


def _categories(
    parsed: ParsedFormula, source: Source, first: pd.DataFrame, progress: bool
) -> dict[str, pd.Index]:
    """The categories of the columns that are not numbers, over all chunks."""
    wanted = [
        name
        for name in parsed.variables
        if name != parsed.group
        and (not pd.api.types.is_numeric_dtype(first[name]) or _wrapped_in_c(parsed, name))
    ]
    if not wanted:
        return {}
    if source.once:
        raise MLMError(
            f"Column {wanted[0]!r} is categorical, and its categories must be known before the "
            "fit: pass a function that returns the chunks anew, or a Parquet file."
        )
    found = in_one_pass(source, wanted, _distinct, _unite, progress, "categories")
    return {name: found[name].in_order(name) for name in wanted}


@dataclass(frozen=True)
class _Seen:
    """The values of a categorical column, and the orders in which its chunks declare them."""

    values: frozenset
    orders: tuple[tuple, ...]

    def in_order(self, name: str) -> pd.Index:
        """The values in the order that the chunks declare, or sorted if they are plain text."""
        place: dict[Any, int] = {}
        for order in sorted(self.orders, key=len, reverse=True):
            for value in order:
                place.setdefault(value, len(place))
        for order in self.orders:
            at = [place[value] for value in order]
            if at != sorted(at):
                raise MLMError(
                    f"The chunks have the categories of {name!r} in different orders, "
                    f"{list(self.orders[0])} and {list(order)}: give all chunks one order."
                )
        if set(self.values) <= set(place):
            return pd.Index(sorted(self.values, key=place.__getitem__))
        return pd.Index(sorted(self.values))


def _distinct(chunk: pd.DataFrame) -> dict[str, _Seen]:
    return {str(name): _seen(chunk[name]) for name in chunk.columns}


def _seen(values: pd.Series) -> _Seen:
    declared = isinstance(values.dtype, pd.CategoricalDtype)
    orders = (tuple(values.cat.categories),) if declared else ()
    return _Seen(frozenset(values.dropna().unique().tolist()), orders)


def _unite(found: list[dict[str, _Seen]], _: bool) -> dict[str, _Seen]:
    return {
        name: _Seen(
            frozenset().union(*(f[name].values for f in found)),
            tuple(dict.fromkeys(order for f in found for order in f[name].orders)),
        )
        for name in found[0]
    }


def _wrapped_in_c(parsed: ParsedFormula, name: str) -> bool:
    return any(
        factor.expr.startswith("C(") and name in variables_of(factor)
        for term in parsed.fixed
        for factor in term.factors
    )


def _coded(frame: pd.DataFrame, categories: dict[str, pd.Index]) -> pd.DataFrame:
    if not categories:
        return frame
    coded = {
        n: frame[n].astype(object).astype(pd.CategoricalDtype(index))
        for n, index in categories.items()
    }
    return frame.assign(**coded)
