# rt_seg in Debian 12, whose packages have ROS 1. Two stages: `live` (the node, its cameras and the live view) and
# `training` (TensorFlow beside it). docker compose up live; see compose.yaml.
FROM debian:bookworm-slim AS live
RUN apt-get update && apt-get install --yes --no-install-recommends git make python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /rt_seg
COPY . .
# The steps of `make live` up to the launch: packages, environment, workspace.
RUN make prepare && rm -rf /var/lib/apt/lists/* /root/.cache
ENV ROS_MASTER_URI=http://localhost:11311 PYTHONUNBUFFERED=1
EXPOSE 8080
# Beyond loopback, so that the port can be published; the address with its token is in the log.
CMD ["make", "live", "CAMERA=simulated", "VIEWER=web", "ARGS=web_host:=0.0.0.0"]

FROM live AS training
RUN make training && rm -rf /var/lib/apt/lists/* /root/.cache
CMD ["bash"]
