"""Fits to data that do not fit in memory: the rows pass by in chunks, the cross-products stay.

A source is anything that yields pandas frames: a Parquet file or folder, a Dask DataFrame, a
function that returns an iterator, a list of frames, or an iterator that can be read once. Group
means and centering are added on the way by :func:`with_centering`, in two passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.errors import MLMError
from mlm_helpers.formula import (
    Design,
    ParsedFormula,
    build_design,
    check_columns,
    complete_rows,
    factor_variables,
    known_columns,
    parse_formula,
    term_of_frame,
)
from mlm_helpers.moments import Basis, Moments, cross_products, left_over, merge_moments
from mlm_helpers.structure import VariableInfo

if TYPE_CHECKING:
    from mlm_helpers.fit import MLMFit

Array = NDArray[np.float64]
ROWS_PER_CHUNK = 250_000
_STATEFUL = {"center", "scale", "standardize", "poly", "bs", "cs", "cr", "cc", "hashed"}


# ---- sources ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Source:
    """Chunks of rows. ``chunks(columns)`` starts a new pass; ``once`` means there is only one."""

    chunks: Callable[[list[str] | None], Iterator[pd.DataFrame]]
    rows: int | None = None
    once: bool = False
    name: str = ""


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
        return Source(lambda columns: _partitions(data, columns))
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
    try:
        import pyarrow.dataset as ds
    except ImportError:
        raise MLMError(
            "Reading Parquet needs pyarrow: install it with 'pip install pyarrow'."
        ) from None
    try:
        table = ds.dataset(path, format="parquet")
        rows = table.count_rows()
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise MLMError(f"{path.name!r} cannot be read as Parquet ({reason}).") from None

    def chunks(columns: list[str] | None) -> Iterator[pd.DataFrame]:
        names = None if columns is None else [c for c in columns if c in table.schema.names]
        for batch in table.to_batches(columns=names, batch_size=ROWS_PER_CHUNK):
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


def progress_of(
    source: Source, columns: list[str] | None, progress: bool, what: str
) -> Iterator[pd.DataFrame]:
    """The chunks of one pass, with a bar of the rows read when ``progress`` is true."""
    if not progress:
        yield from source.chunks(columns)
        return
    from tqdm.auto import tqdm

    with tqdm(total=source.rows, unit=" rows", unit_scale=True, desc=what) as bar:
        for chunk in source.chunks(columns):
            yield chunk
            bar.update(len(chunk))


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
    parts: list[pd.DataFrame] = []
    for chunk in progress_of(open_source(data), [*names, group], progress, "group means"):
        known_columns(chunk, [*names, group], group)
        _complete(chunk, [*names, group])
        sums = chunk.groupby(group, observed=True)[names].sum()
        sums["n"] = chunk.groupby(group, observed=True).size()
        parts.append(sums)
    if not parts:
        raise MLMError("The data have no rows.")
    total = pd.concat(parts).groupby(level=0).sum().sort_index()
    total[names] = total[names].div(total["n"], axis=0)
    return total.rename_axis(group)


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
    :mod:`mlm_helpers.centering` compute them on a whole frame.

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
    made = {*means, *within, *grand}

    def chunks(columns: list[str] | None) -> Iterator[pd.DataFrame]:
        needed = None if columns is None else sorted({*columns, *raw, group} - made)
        for chunk in source.chunks(needed):
            own = table[raw].reindex(chunk[group])
            added = {new: own[old].to_numpy() for new, old in means.items()}
            added |= {
                new: chunk[old].to_numpy() - own[old].to_numpy() for new, old in within.items()
            }
            for new, old in grand.items():
                values = added[old] if old in means else chunk[old].to_numpy()
                added[new] = values - over_rows[new]
            out = chunk.assign(**added)
            yield out if columns is None else out[[c for c in columns if c in out.columns]]

    return Source(chunks, rows=source.rows, name=source.name)


# ---- the fit ------------------------------------------------------------------------------------
class ChunkedDesign(Design):
    """A design whose rows have passed by: everything but the rows themselves."""

    keeps_rows = False
    _ROWS = ("x", "z", "y", "codes", "data", "first_rows")

    def __init__(self, first: Design, totals: _Totals, labels: NDArray):
        for name in ("formula", "columns", "random", "blocks", "spec"):
            object.__setattr__(self, name, getattr(first, name))
        object.__setattr__(self, "random_specs", first.random_specs)
        object.__setattr__(self, "labels", labels)
        counts = totals.dropped
        dropped = {n: counts[n] for n in first.formula.variables if n in counts}
        object.__setattr__(self, "dropped", dropped)
        object.__setattr__(self, "n_dropped", totals.n_dropped)
        object.__setattr__(self, "_totals", totals)

    def __getattr__(self, name: str) -> Any:
        if name in ChunkedDesign._ROWS:
            raise MLMError(
                "This fit was made from chunks and keeps no rows: use fit.predict(chunk) for "
                "fitted values, and subtract them from the outcome for residuals."
            )
        raise AttributeError(name)

    def describe(self) -> dict[str, VariableInfo]:
        """Level, kind and centering of each variable, from what each chunk left behind."""
        return {name: self._totals.describe(name) for name in self._totals.columns}

    @property
    def group_frame(self) -> pd.DataFrame:
        """The level-2 variables, one row per group."""
        level2 = [v.name for v in self.structure.variables.values() if v.level == 2]
        frame = pd.DataFrame({name: self._totals.values(name) for name in level2})
        return frame.set_axis(pd.Index(self.labels, name=self.formula.group), axis=0)

    def level2_values(self, term: str) -> Array:
        """A level-2 term, one value per group."""
        return term_of_frame(term, self.group_frame, self.formula)


@dataclass
class _Totals:
    """What is kept of each variable: per chunk and group the lowest and highest value and sum."""

    columns: list[str]
    categories: dict[str, pd.Index]
    dropped: dict[str, int] = field(default_factory=dict)
    n_dropped: int = 0
    parts: list[pd.DataFrame] = field(default_factory=list)
    n: NDArray[np.int64] | None = None
    square: dict[str, float] = field(default_factory=dict)
    seen: dict[str, set] = field(default_factory=dict)

    def add(self, frame: pd.DataFrame, codes: NDArray[np.intp], labels: NDArray) -> None:
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(labels)))
        out = {}
        for name in self.columns:
            v = self._numbers(frame[name])
            self.square[name] = self.square.get(name, 0.0) + float(v @ v)
            known = self.seen.setdefault(name, set())
            if len(known) <= 2:
                known.update(pd.unique(v)[:3].tolist())
            v = v[order]
            out[f"low {name}"] = np.minimum.reduceat(v, starts)
            out[f"high {name}"] = np.maximum.reduceat(v, starts)
            out[f"sum {name}"] = np.add.reduceat(v, starts)
        self.parts.append(pd.DataFrame(out, index=labels))

    def _numbers(self, values: pd.Series) -> Array:
        if values.name in self.categories:
            return self.categories[str(values.name)].get_indexer(pd.Index(values)).astype(float)
        return values.to_numpy(dtype=float)

    def finish(self, labels: NDArray, n: NDArray[np.int64]) -> None:
        """Merge the chunks' parts into one row per group, in the order of ``labels``."""
        everything = pd.concat(self.parts)
        how = {"low": "min", "high": "max", "sum": "sum"}
        rule = {c: how[c.split(" ", 1)[0]] for c in everything.columns}
        self.parts = [everything.groupby(level=0).agg(rule).reindex(labels)]
        self.n = n

    def values(self, name: str) -> Any:
        low = self.parts[0][f"low {name}"].to_numpy()
        if name in self.categories:
            return self.categories[name].take(low.astype(int))
        return low

    def describe(self, name: str) -> VariableInfo:
        table, n = self.parts[0], self.n
        assert n is not None
        low, high = table[f"low {name}"].to_numpy(), table[f"high {name}"].to_numpy()
        size = max(np.abs(low).max(), np.abs(high).max(), 1e-300)
        level = 2 if np.all(high - low <= 1e-10 * np.abs(low) + 1e-12 * size) else 1
        if name in self.categories:
            names = tuple(map(str, self.categories[name]))
            return VariableInfo(name, level, "categorical", names, len(names) == 2)
        total = table[f"sum {name}"].to_numpy()
        mean = total.sum() / n.sum()
        spread = np.sqrt(max(self.square[name] / n.sum() - mean**2, 0.0))
        tiny = 1e-6 * max(spread, 1e-300)
        means = total / n
        if level == 1 and np.abs(means).max() <= tiny:
            centered = "group"
        elif abs(mean) <= tiny:
            centered = "grand"
        elif level == 2 and abs(means.mean()) <= tiny:
            centered = "grand_groups"
        else:
            centered = "none"
        values = sorted(self.seen[name])
        categories = tuple(f"{v:g}" for v in values) if len(values) <= 2 else ()
        return VariableInfo(name, level, "numeric", categories, len(values) == 2, centered)


def fit_chunks(formula: str, data: Any, reml: bool = True, progress: bool = False) -> MLMFit:
    """Fit a two-level model to chunks of rows; see :func:`mlm_helpers.fit.fit_mlm`.

    Only the cross-products of the groups are kept, so that memory grows with the number of groups
    and not of rows. Groups may be split over chunks. Functions that look at a whole column
    (``poly``, ``scale``, ``bs`` and the like) cannot be used in the formula.
    """
    from mlm_helpers.fit import basis_of, fit_moments

    parsed = parse_formula(formula)
    _no_stateful(parsed)
    source = open_source(data)
    columns = list(parsed.variables)
    first, source = _first_chunk(source, columns)
    known_columns(first, columns, parsed.group)
    categories = _categories(parsed, source, first, progress)
    design = build_design(parsed, _coded(complete_rows(first[columns])[0], categories))
    basis = basis_of(design)
    totals = _Totals([c for c in columns if c != parsed.group], categories)
    pieces: list[Moments] = []
    if is_dask(data):
        _on_the_cluster(data, design, basis, categories, totals, pieces)
    else:
        for chunk in progress_of(source, columns, progress, "cross-products"):
            _absorb(_piece(chunk, design, basis, categories), totals, pieces)
    moments = merge_moments(pieces)
    totals.finish(moments.labels, moments.n)
    if moments.cancels and not source.once:
        moments = _exact_within(moments, source, design, categories, progress)
    chunked = ChunkedDesign(design, totals, moments.labels)
    return fit_moments(moments, chunked, reml, source.name)


@dataclass(frozen=True)
class _Piece:
    moments: Moments | None  # None for a chunk without a complete row
    totals: _Totals


def _piece(
    chunk: pd.DataFrame, first: Design, basis: Basis, categories: dict[str, pd.Index]
) -> _Piece:
    """The cross-products of one chunk and what is kept of its variables."""
    parsed = first.formula
    columns = list(parsed.variables)
    known_columns(chunk, columns, parsed.group)
    frame, dropped, n_dropped = complete_rows(chunk[columns])
    totals = _Totals([c for c in columns if c != parsed.group], categories, dropped, n_dropped)
    if not len(frame):
        return _Piece(None, totals)
    check_columns(frame, parsed)
    frame = _coded(frame, categories)
    x, z, y = first.columns_of(frame)
    codes, found = pd.factorize(frame[parsed.group], sort=True)
    labels = np.asarray(found)
    totals.add(frame, codes, labels)
    return _Piece(cross_products(x, z, y, codes.astype(np.intp), labels, basis), totals)


def _absorb(piece: _Piece, totals: _Totals, pieces: list[Moments]) -> None:
    if piece.moments is not None:
        pieces.append(piece.moments)
    own = piece.totals
    totals.parts += own.parts
    totals.n_dropped += own.n_dropped
    for name, count in own.dropped.items():
        totals.dropped[name] = totals.dropped.get(name, 0) + count
    for name, value in own.square.items():
        totals.square[name] = totals.square.get(name, 0.0) + value
    for name, values in own.seen.items():
        totals.seen.setdefault(name, set()).update(values)


def _on_the_cluster(
    data: Any,
    design: Design,
    basis: Basis,
    categories: dict[str, pd.Index],
    totals: _Totals,
    pieces: list[Moments],
) -> None:
    """Dask: each worker sends the cross-products of its partitions, not their rows."""
    import dask

    columns = list(design.formula.variables)
    known_columns(data, columns, design.formula.group)
    piece = dask.delayed(_piece, pure=False)
    tasks = [piece(part, design, basis, categories) for part in data[columns].to_delayed()]
    for done in dask.compute(*tasks):
        _absorb(done, totals, pieces)


def _exact_within(
    moments: Moments,
    source: Source,
    design: Design,
    categories: dict[str, pd.Index],
    progress: bool,
) -> Moments:
    """A second pass for data whose groups differ so much that subtraction costs digits."""
    parsed = design.formula
    index = pd.Index(moments.labels)
    total = np.zeros_like(moments.within)
    for chunk in progress_of(source, list(parsed.variables), progress, "within groups"):
        frame = complete_rows(chunk[list(parsed.variables)])[0]
        if len(frame):
            x, z, y = design.columns_of(_coded(frame, categories))
            total += left_over(moments, x, z, y, index.get_indexer(pd.Index(frame[parsed.group])))
    return replace(moments, within=total)


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
    found: dict[str, set] = {name: set() for name in wanted}
    for chunk in progress_of(source, wanted, progress, "categories"):
        for name in wanted:
            found[name].update(chunk[name].dropna().unique().tolist())
    return {name: pd.Index(sorted(values)) for name, values in found.items()}


def _wrapped_in_c(parsed: ParsedFormula, name: str) -> bool:
    return any(
        factor.expr.startswith("C(") and name in factor_variables(factor.expr)
        for term in parsed.fixed
        for factor in term.factors
    )


def _coded(frame: pd.DataFrame, categories: dict[str, pd.Index]) -> pd.DataFrame:
    if not categories:
        return frame
    coded = {n: pd.Categorical(frame[n], categories=index) for n, index in categories.items()}
    return frame.assign(**coded)
