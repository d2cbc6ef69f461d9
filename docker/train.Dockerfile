# The trainer: the web part, plus torch and the converters. On a GPU machine build with --build-arg TORCH=cuda.
FROM python:3.11-slim
ARG TORCH=cpu
RUN useradd --create-home --uid 10001 daybreak
WORKDIR /app
COPY deploy/requirements deploy/requirements
# pip takes the build of torch that the index it is pointed at offers (PIP_EXTRA_INDEX_URL at build time).
RUN pip install --no-cache-dir --no-compile --require-hashes --no-deps \
      -r deploy/requirements/$( [ "$TORCH" = cpu ] && echo torch-cpu.txt || echo cuda.txt ) \
 && pip install --no-cache-dir --no-compile --require-hashes --no-deps -r deploy/requirements/ml.txt \
 && pip install --no-cache-dir --no-compile --require-hashes --no-deps -r deploy/requirements/web.txt
COPY manage.py ./
COPY config config
COPY foundation foundation
COPY collector collector
COPY training training
COPY modelhub modelhub
ENV DAYBREAK_HOME=/data PYTHONUNBUFFERED=1
RUN install -d -o daybreak /data
USER daybreak
VOLUME /data
CMD ["celery", "-A", "config", "worker", "-Q", "train", "-c", "1", "--disable-prefetch", "--loglevel", "INFO"]
