# One image for pages, worker, listeners and commands; compose.yaml shows them together.
FROM python:3.13-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends make nodejs npm fonts-noto-cjk && rm -rf /var/lib/apt/lists/*
WORKDIR /yigong
COPY . .
RUN pip install --no-cache-dir uv && UV_PROJECT_ENVIRONMENT=/yigong/.venv uv sync --locked --no-default-groups --all-extras \
 && .venv/bin/python -m yigong.portal.assets \
 && .venv/bin/python -m yigong.portal.messages compile \
 && useradd --system --create-home --home-dir /data yigong
ENV PATH=/yigong/.venv/bin:$PATH YIGONG_LOCAL=/data
USER yigong
VOLUME /data
EXPOSE 8000
CMD ["yigong", "serve", "--bind", "0.0.0.0:8000"]
