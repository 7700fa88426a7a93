from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.attacks.candidate_matching import CandidateMatching
from ppattack.context import Alone
from ppattack.data import stacks
from ppattack.data.stacks import Made
from ppattack.errors import ConfigError, RunFailed
from ppattack.plugins import registry
from ppattack.reports.run import read_report
from ppattack.solvers.sums import gathered
from ppattack.sweeps.executors import InThisProcess
from ppattack.sweeps.ray_executor import Ray
from tests.support.natural import natural_images, natural_sets
from tests.support.program import in_process
from tests.support.sums import Counted, attacked, dying, fails, grid
from tests.support.sweeps import cells, states, swept, timeless


def test_without_ray_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, errors = in_process("bench quick --executor ray", tmp_path)
    assert code == 2
    assert "pip install 'ppattack[ray]'" in errors
    assert len(errors.splitlines()) == 1


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two machines of one CPU each, as far as Ray can tell."""
    ray: Any = pytest.importorskip("ray")
    cluster_of: Any = pytest.importorskip("ray.cluster_utils").Cluster
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    made = cluster_of(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
    made.add_node(num_cpus=1, num_gpus=0)
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.slow
def test_a_cluster_gives_the_results_of_one_process(tmp_path: Path, cluster: Any) -> None:
    swept(cells(tmp_path / "here", "Grey", "Broken", "jigsaw"), InThisProcess())
    swept(cells(tmp_path / "there", "Grey", "Broken", "jigsaw"), Ray())
    assert timeless(tmp_path / "there") == timeless(tmp_path / "here")


@pytest.mark.slow
def test_workers_that_are_killed_lose_nothing(tmp_path: Path, cluster: Any) -> None:
    """Whoever sleeps over a cell is killed; the cell is tried again elsewhere."""
    place = Path(tempfile.gettempdir())
    for stale in place.glob("napping-*.napped"):
        stale.unlink()
    killed: set[str] = set()
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.1):
            for each in place.glob("napping-*.napped"):
                process = each.read_text()
                if process and each.name not in killed:
                    killed.add(each.name)
                    os.kill(int(process), signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    sweep, _ = swept(cells(tmp_path / "runs", "Napping", "Grey"), Ray())
    over.set()
    thread.join()
    assert len(killed) == 2
    assert states(sweep) == ["done"] * 4


@pytest.mark.slow
def test_a_cluster_adds_up_what_one_process_does(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "SHARD_BYTES", 8 * 768)
    target, sets = registry.target("le")(), natural_sets(100, 300)
    alone, workers = attacked(target, sets, Alone()), Counted(Ray())
    assert workers.count == 2
    together = attacked(target, sets, workers)
    assert workers.parts >= 4
    assert alone.key is not None
    assert together.key is not None
    assert np.array_equal(alone.key.index, together.key.index)
    assert np.array_equal(alone.key.mask, together.key.mask)
    with pytest.raises(RunFailed, match="could not be computed: ZeroDivisionError"):
        list(Ray().map(fails, [1, 0]))


@pytest.mark.slow
def test_readers_that_are_killed_on_a_cluster_lose_nothing(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "SHARD_BYTES", 8 * 768)
    images = natural_images(50)
    stack = Made(partial(dying, images.numpy(), tmp_path / "killed"), (3, 16, 16), 50)
    found, whole = gathered(grid, stack, Ray()), grid(images)
    assert len(list(tmp_path.glob("killed.*"))) == 2
    assert found.count == 50
    assert np.array_equal(found.sum, whole.sum)
    assert all(np.array_equal(a, b) for a, b in zip(found.products, whole.products, strict=True))


@pytest.mark.slow
def test_candidates_are_ranked_on_a_cluster_as_in_one_process(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "SHARD_BYTES", 40 * 3072)
    attack = CandidateMatching(distractors=260, views=False, altered="jpeg50")
    target, sets = registry.target("pe")(), natural_sets(60, 300, size=32)
    alone = attacked(target, sets, Alone(), attack, scope="image")
    together = attacked(target, sets, Ray(), attack, scope="image")
    assert alone.ranking is not None
    assert together.ranking is not None
    assert alone.p_values is not None
    assert together.p_values is not None
    assert torch.equal(alone.ranking, together.ranking)
    assert torch.allclose(alone.p_values, together.p_values, atol=1e-6)


@pytest.mark.slow
def test_cells_of_a_cluster_add_up_on_all_of_it(tmp_path: Path, cluster: Any) -> None:
    """A cell's own tasks run while it waits, however many cells there are."""
    wanted = cells(tmp_path / "there", "Adding", targets=["pe", "le", "etc"])
    sweep, _ = swept(wanted, Ray())
    assert states(sweep) == ["done"] * 3
    for cell in sweep.cells:
        assert cell.outcome is not None
        assert cell.outcome.run is not None
        notes = read_report(tmp_path / "there" / cell.outcome.run).attack.notes
        assert notes == {"sum": 12, "workers": 2}


@pytest.mark.slow
def test_a_cell_that_kills_every_workerfails(tmp_path: Path, cluster: Any) -> None:
    sweep, _ = swept(cells(tmp_path, "Dying", "Grey", targets=["pe"]), Ray())
    assert states(sweep) == ["failed", "done"]


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def refuse(**_: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(ConfigError, match="no cluster answers at 10.0.0.1:6379"):
        Ray("10.0.0.1:6379")
