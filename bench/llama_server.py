"""llama-server as a process of its own: the one inside the xllamacpp wheel, with the contract's sampling as default.

python -m bench.llama_server MODEL SLOTS WINDOW THREADS BATCH_THREADS [MMPROJ]     as mimo is started, no prompt reused
python -m bench.llama_server MODEL SLOTS WINDOW      with its own threads and prompt cache; SLOTS 0: all of it its own

prints its address, then serves until stdin closes.
"""

from __future__ import annotations

import sys


def main() -> None:
    import xllamacpp

    model, slots, window, *threads = sys.argv[1], *map(int, sys.argv[2:6])
    params = xllamacpp.CommonParams()
    params.model.path = model
    if sys.argv[6:]:
        params.mmproj.path = sys.argv[6]
    params.hostnames, params.port = ["127.0.0.1"], 0
    if slots:
        params.n_parallel, params.n_ctx = slots, slots * window
        params.kv_unified = False
        params.n_threads_http = slots + 4  # it holds a thread for every open stream
    else:
        params.n_parallel = -1  # as many as it likes
        params.n_threads_http = 40
    if threads:
        params.cpuparams.n_threads, params.cpuparams_batch.n_threads = threads
        params.cache_prompt, params.cache_ram_mib, params.cache_idle_slots = False, 0, False
    params.n_gpu_layers = 0
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
