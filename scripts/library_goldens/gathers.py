"""Embeddings, messages along edges, and experts chosen per token."""

import numpy as np
import torch
import torch.nn.functional as F

INF = np.inf


def embedding(goldens, rng_for):
    kernel = "embedding"
    goldens.kernel(kernel, {"table": "row channel", "ids": "token"}, {"result": "token channel"})
    for case, row, channel, token in (("odd", 5, 3, 7), ("one", 1, 1, 1), ("wide", 4, 35, 3)):
        rng = rng_for(kernel, case)
        table, ids = rng.standard_normal((row, channel)).astype(np.float32), rng.integers(0, row, token).astype(np.int32)
        by_torch = F.embedding(torch.from_numpy(ids), torch.from_numpy(table))
        goldens.case(kernel, case, {"table": table, "ids": ids}, {"result": table[ids].astype(np.float64)}, 0, {"result": by_torch})
    table = rng_for(kernel, "outside").standard_normal((4, 3)).astype(np.float32)
    ids = np.array([-1, 4, 2147483647, -2147483648, 3], np.int32)
    goldens.case(kernel, "outside", {"table": table, "ids": ids}, {"result": table[np.clip(ids, 0, 3)].astype(np.float64)}, 0,
                 note="ids that the table does not have: the nearest row")


def message_passing(goldens, rng_for):
    kernel = "message_passing"
    goldens.kernel(kernel, {"x": "source channel", "source_of": "edge", "start": "bound", "weight": "edge"}, {"result": "node channel"})

    def one(case, source, channel, degrees, aggregate="sum", note=None):
        rng = rng_for(kernel, case)
        start = np.concatenate([[0], np.cumsum(degrees)]).astype(np.int32)
        edges = max(int(start[-1]), 1)  # an unused edge where there are none
        x = rng.standard_normal((source, channel)).astype(np.float32)
        source_of, weight = rng.integers(0, source, edges).astype(np.int32), rng.standard_normal(edges).astype(np.float32)
        messages = x[source_of].astype(np.float64) * weight[:, None].astype(np.float64)
        empty = -INF if aggregate == "max" else 0
        result = np.full((len(degrees), channel), empty, np.float64)
        for node, (first, end) in enumerate(zip(start, start[1:])):
            if end > first:
                result[node] = {"sum": np.sum, "mean": np.mean, "max": np.max}[aggregate](messages[first:end], axis=0)
        owner = torch.from_numpy(np.repeat(np.arange(len(degrees)), degrees))[:, None].expand(-1, channel)
        by_torch = torch.full((len(degrees), channel), empty, dtype=torch.float64)
        by_torch.scatter_reduce_(0, owner, torch.from_numpy(messages[:start[-1]]),
                                 {"sum": "sum", "mean": "mean", "max": "amax"}[aggregate], include_self=aggregate != "mean")
        goldens.case(kernel, case, {"x": x, "source_of": source_of, "start": start, "weight": weight}, {"result": result},
                     by_torch={"result": by_torch}, note=note, parameters={"aggregate": aggregate} if aggregate != "sum" else None)

    one("odd", 5, 3, (2, 0, 4, 1, 0, 0, 3), note="nodes with none to four edges")
    one("one", 1, 1, (1,))
    one("wide", 3, 19, (0, 17, 2))
    one("no_edges", 2, 3, (0, 0))
    one("mean", 5, 3, (2, 0, 4), "mean")
    one("max", 5, 3, (2, 0, 4), "max", "a node without edges has the maximum -inf")


def experts(goldens, rng_for):
    shapes = [("odd", 5, 3, 7, 4, 2), ("one", 1, 1, 1, 1, 1), ("wide", 3, 9, 35, 3, 4), ("outside", 3, 2, 3, 4, 2)]
    for kernel in ("moe_matmul_per_token", "moe_gather_matmul"):
        goldens.kernel(kernel, {"x": "token in", "weight": "expert in out", "chosen": "token choice", "gate": "token choice"},
                       {"result": "token out"})
    # More tokens of an expert than a block of 8 has, and experts without any.
    for kernel, (case, token, n_in, n_out, expert, choice) in [
            *(("moe_matmul_per_token", s) for s in shapes),
            *(("moe_gather_matmul", s) for s in shapes + [("blocks", 23, 2, 3, 2, 1), ("idle", 4, 2, 3, 11, 1)])]:
        rng = rng_for(kernel, case)
        x, weight = (rng.standard_normal(s).astype(np.float32) for s in ((token, n_in), (expert, n_in, n_out)))
        chosen = rng.integers(0, expert, (token, choice)).astype(np.int32)
        note = None
        if case == "outside":
            chosen[0, 0], chosen[1, 1], note = -5, 100, "experts that do not exist: the nearest"
        nearest = np.clip(chosen, 0, expert - 1)
        gate = rng.uniform(0, 1, (token, choice)).astype(np.float32)
        x64, w64, g64 = (t.astype(np.float64) for t in (x, weight, gate))
        result = np.array([sum(g * x64[t] @ w64[e] for g, e in zip(g64[t], nearest[t])) for t in range(token)])
        goldens.case(kernel, case, {"x": x, "weight": weight, "chosen": chosen, "gate": gate}, {"result": result}, note=note)


def make(goldens, rng_for):
    embedding(goldens, rng_for)
    message_passing(goldens, rng_for)
    experts(goldens, rng_for)
