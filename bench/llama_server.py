"""llama-server as a process of its own: the one inside the xllamacpp wheel, with the contract's sampling as default.

python -m bench.llama_server MODEL SLOTS WINDOW THREADS BATCH_THREADS [MMPROJ]

prints its address, then serves until stdin closes.
"""

from __future__ import annotations

import sys


def main() -> None:
    import xllamacpp

    model, slots, window, threads, batch_threads = sys.argv[1], *map(int, sys.argv[2:6])
    params = xllamacpp.CommonParams()
    params.model.path = model
    if sys.argv[6:]:
        params.mmproj.path = sys.argv[6]
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_parallel, params.n_ctx = slots, slots * window
    params.kv_unified = False
    params.cpuparams.n_threads, params.cpuparams_batch.n_threads = threads, batch_threads
    params.n_threads_http = slots + 4  # it holds a thread for every open stream
    params.n_gpu_layers = 0
    params.cache_prompt, params.cache_ram_mib, params.cache_idle_slots = False, 0, False
    params.fit_params = False
    params.ui = False
    params.use_jinja = False
    params.verbosity = 0
    sampling = params.sampling
    sampling.top_k, sampling.min_p, sampling.top_p, sampling.temp = 0, 0.0, 0.95, 1.0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
