"""Writing the report of a large lab, of the records of a report's PCs: report.py REPORT PCS [TIMES]."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "collections"))
from ansible_collections.gpuready.lab.plugins.plugin_utils.files import write_together
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import document, renderings

from gpuready import results

if __name__ == "__main__":
    pcs, times = int(sys.argv[2]), int([*sys.argv, "1"][3])
    known = results.whole(json.loads(Path(sys.argv[1]).read_text()))
    records = [{**record, "host": f"pc{number:05}"} for number, record in enumerate(islice(cycle(known["hosts"]), pcs))]
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="gpuready-bench-") as folder:
            started = time.perf_counter()
            built = document.build(records, known["run"], simulated=True)
            write_together(Path(folder), renderings.files(built, renderings.RENDERINGS))
            seconds = time.perf_counter() - started
            sizes = {file.name: file.stat().st_size for file in Path(folder).iterdir()}
    page, whole = sizes["report.html"] / 1e6, sizes["report.json"] / 1e6
    said = f"{seconds:8.2f} s (target 5), page {page:.1f} MB (5), report.json {whole:.1f} MB (10)"
    print(f"{f'the report of {pcs} PCs':64} {said}")
