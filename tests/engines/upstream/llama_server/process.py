"""llama-server from the xllamacpp wheel, as a program: MODEL SLOTS CONTEXT [PROJECTOR]; says its address, runs until
stdin closes.

One compute thread: its threads wait for each other by spinning, which on a busy machine costs more than they bring.
"""

from __future__ import annotations

import sys

import xllamacpp

model, slots, context, *projector = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]
params = xllamacpp.CommonParams()
params.model.path = model
if projector:
    params.mmproj.path = projector[0]
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_parallel = slots
params.n_ctx = slots * context
params.n_gpu_layers = 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
