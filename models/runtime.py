"""Opens a network for onnxruntime, on the CPU, with as many threads as asked for."""

from pathlib import Path

import onnxruntime

from models.errors import NetworkDamaged


def open_session(path: Path, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session that never takes more than `threads` threads and never spins while idle; raises NetworkDamaged."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own exceptions share no base class but this
        raise NetworkDamaged(f"{path} is not a network this runtime can open: {error}") from error
