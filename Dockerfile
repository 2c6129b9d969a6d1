# naba as a service: docker build -t naba . && docker run -p 5001:5001 -v "$PWD/stance:/model" naba serve /model --host 0.0.0.0
# A container without a GPU: give pip the index of torch's CPU builds as --build-arg PIP_INDEX_URL=…
FROM python:3.11-slim
ARG PIP_INDEX_URL
WORKDIR /srv/naba
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY conf conf
COPY data data
COPY src src
RUN pip install --no-cache-dir . -c constraints.txt
ENV NABA_HOME=/srv/runs
EXPOSE 5001
ENTRYPOINT ["naba"]
CMD ["--help"]
