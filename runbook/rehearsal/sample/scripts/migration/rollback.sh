#!/bin/bash
# Back to fusepy.
docker exec lighthouse-bridge sh -c "
  export LIGHTHOUSE_FUSE_BACKEND=fusepy
  kill -HUP 1
"
