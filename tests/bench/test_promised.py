import importlib
from pathlib import Path

from tests.bench.harness import registered

PROMISED = {
    "edge_commit_one_lane": (0.9, "higher"),
    "edge_commit_eight_lanes": (6.0, "higher"),
    "edge_cpu": (2.5, "lower"),
    "tag_to_receipt_p99": (1.5, "lower"),
    "tag_to_receipt_p99_draining": (2.5, "lower"),
    "cloud_ingest": (0.6, "higher"),
    "cloud_ingest_http": (0.8, "higher"),
    "duplicate_batch": (0.3, "lower"),
    "hot_account": (0.9, "higher"),
    "face_search": (1.5, "lower"),
    "face_search_200000": (1.5, "lower"),
    "face_pipeline": (1.2, "lower"),
    "dish_pipeline": (1.2, "lower"),
    "kitchen_pipeline": (1.2, "lower"),
    "gallery_open": (3.0, "lower"),
}


def test_every_promised_figure_has_its_bench_with_its_target() -> None:
    for path in Path(__file__).parent.glob("bench_*.py"):
        importlib.import_module(f"tests.bench.{path.stem}")
    found = {name: (item.target, item.better) for name, item in registered().items()}
    assert {name: found.get(name) for name in PROMISED} == PROMISED
