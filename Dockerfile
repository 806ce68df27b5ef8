# Two images: a CUDA one (default) and one for the CPU.
#   docker build -t spatial-vlm .
#   docker build -t spatial-vlm-cpu --target cpu .
# Users, caches, and what was tried: docs/docker.md.
ARG CUDA_IMAGE=nvidia/cuda:13.0.2-base-ubuntu24.04@sha256:2ab6381d970b211fb93853796dc6707eb8a72575a375c422b17cf4d8b2641701
ARG PYTHON_IMAGE=python:3.12.14-slim-bookworm@sha256:782412e85d0f0984994c290652577d4018aff08145c85b262bb63dc0c7522254

# ---- The project's files, shared by both images.
FROM scratch AS source
COPY pyproject.toml README.md LICENSE /
COPY src /src
COPY data_gen /data_gen
COPY configs /configs
COPY scripts /scripts

# ---- CPU: data, audit, the embedded model.
FROM ${PYTHON_IMAGE} AS cpu
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Package index of torch's CPU builds; empty: the default wheel, which also runs on a CPU and is some gigabytes larger.
ARG TORCH_INDEX=""
COPY requirements.txt /opt/reinforcesight/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} \
       -r /opt/reinforcesight/requirements.txt
COPY --from=source / /opt/reinforcesight/
RUN /opt/venv/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation /opt/reinforcesight \
    && install -d -m 1777 /app /home/spatial
# The mount on /app hides the image's files there, so the code is in /opt: the package in the environment, the modules
# data_gen and src through PYTHONPATH. Downloads go to the mount, so that the next container finds them.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/reinforcesight \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/spatial \
    USER=spatial \
    LOGNAME=spatial \
    XDG_CACHE_HOME=/tmp/.cache \
    HF_HOME=/app/.cache/huggingface
WORKDIR /app
# By number: no account is needed, and --user can give any other number.
USER 1000:1000
CMD ["reinforcesight", "--help"]

# ---- GPU, the default. --gpus all brings the driver, torch's wheels bring CUDA's libraries.
FROM ${CUDA_IMAGE} AS gpu
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Triton compiles its launchers when training starts and needs a compiler and Python's headers.
# Ubuntu's archive keeps only the newest build of a package, so a pinned version would break the next build.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
       ca-certificates gcc libc6-dev python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt requirements-gpu.txt /opt/reinforcesight/
# vLLM release, such as 0.31.0; empty: without vLLM.
ARG VLLM_VERSION=""
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir -r /opt/reinforcesight/requirements-gpu.txt \
    && if [ -n "${VLLM_VERSION}" ]; then \
         /opt/venv/bin/python -m pip install --no-cache-dir "vllm==${VLLM_VERSION}" \
           torch==2.13.0 torchvision==0.28.0 transformers==5.17.0 trl==1.16.0; \
       fi
COPY --from=source / /opt/reinforcesight/
RUN /opt/venv/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation /opt/reinforcesight \
    && install -d -m 1777 /app /home/spatial
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/reinforcesight \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/spatial \
    USER=spatial \
    LOGNAME=spatial \
    XDG_CACHE_HOME=/tmp/.cache \
    HF_HOME=/app/.cache/huggingface
WORKDIR /app
USER 1000:1000
CMD ["reinforcesight", "--help"]
