# Web, worker and beat: no torch. Build from the repository's root: docker build -f docker/web.Dockerfile -t daybreak-web .
FROM python:3.11-slim
RUN useradd --create-home --uid 10001 daybreak
WORKDIR /app
COPY deploy/requirements/web.txt deploy/requirements/web.txt
RUN pip install --no-cache-dir --no-compile --require-hashes --no-deps -r deploy/requirements/web.txt
COPY manage.py ./
COPY config config
COPY foundation foundation
COPY collector collector
COPY training training
COPY modelhub modelhub
ENV DAYBREAK_HOME=/data PYTHONUNBUFFERED=1
# As config/dev.py says: photos come and go in blocks of megabytes.
ENV MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=67108864 MALLOC_MMAP_THRESHOLD_=33554432
RUN install -d -o daybreak /data
USER daybreak
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "8"]
