"""Several tiers, one pass over each file: what is missing is described and put into the caches."""

from functools import partial
from operator import itemgetter

import numpy as np
from sklearn.base import clone
from sklearn.utils import gen_batches
from tqdm.auto import tqdm

from sklearn_m3s.tiers._backbone_tier import one_ahead, round_size
from sklearn_m3s.tiers._extract import attempt, keep, look_up
from sklearn_m3s.video import share_video


def describe_together(tiers, videos):
    """Describe the files that two tiers or more have to, decoding each once.

    Parameters
    ----------
    tiers : list of VideoTransformer
        With ``_shares_decoding`` and one `decoder`; all have a cache, if only for the while.
    videos : list of length n_videos
        Paths and arrays; arrays are left to the tiers. A bad video is left to them, too: they find
        out again, and report it.
    """
    paths = [video for video in videos if not isinstance(video, np.ndarray)]
    caches, keys, _, missing = zip(*(look_up(tier, paths) for tier in tiers), strict=True)
    lacking = _invert(missing)
    shared = [i for i, who in lacking.items() if len(who) > 1]
    if not shared:
        return
    for cache in caches:
        cache.prepare()
    finishers = [tier._finisher() for tier in tiers]

    def finish(outcomes):
        """Embed the clips of a round, put all rows into the caches, and count the videos."""
        for k, finisher in enumerate(finishers):
            mine = [(i, described[k]) for i, described in outcomes if k in described]
            rows = finisher([outcome for _, outcome in mine])
            for (i, _), row in zip(mine, rows, strict=True):
                if not isinstance(row, Exception):
                    keep(caches[k], keys[k][i], paths[i], row)
        return len(outcomes)

    with _bar(tiers, len(shared)) as bar:
        for n_done in one_ahead(finish, _rounds(tiers, paths, lacking, shared)):
            bar.update(n_done)


def _invert(missing):
    """Return, for each video that any tier lacks, which tiers lack it."""
    lacking = {}
    for k, indices in enumerate(missing):
        for i in indices:
            lacking.setdefault(i, []).append(k)
    return lacking


def _bar(tiers, total):
    name = " + ".join(type(tier).__name__ for tier in tiers)
    hidden = not any(tier.verbose for tier in tiers)
    return tqdm(desc=name, unit="video", total=total, disable=hidden)


def _rounds(tiers, paths, lacking, shared):
    """Yield, for some files at a time, what each tier that lacks them makes of them."""
    leader = next((tier for tier in tiers if tier._prefer is None), tiers[0])
    workers = [clone(tier) for tier in tiers]
    size = max(getattr(tier, "batch_size", 1) for tier in tiers)
    for part in gen_batches(len(shared), round_size(leader.n_jobs, size)):
        indices = shared[part]
        tasks = [(paths[i], {k: workers[k] for k in lacking[i]}) for i in indices]
        outcomes = sorted(leader._work(_describe_all, tasks), key=itemgetter(0))
        yield [(indices[k], described) for k, described in outcomes]


def _describe_all(task):
    """Return what each worker makes of a file that is decoded once, by the worker's number."""
    path, workers = task
    source = attempt(partial(share_video, decoder=next(iter(workers.values())).decoder), path)
    if isinstance(source, Exception):
        return dict.fromkeys(workers, source)
    wanted = {k: worker._wanted(source.times) for k, worker in workers.items()}
    for k, indices in wanted.items():
        if indices is not None:
            source.keep(indices, workers[k].frame_size)
    # Those that read as they go come first: what is kept is kept for the others.
    order = sorted(workers, key=lambda k: wanted[k] is not None)
    return {k: attempt(workers[k]._describe, source) for k in order}
