#!/bin/bash
# Selects a FUSE backend and starts the Bridge on it.
set -e

PRIMARY=${LIGHTHOUSE_FUSE_BACKEND:-fusepy}
FALLBACK=${LIGHTHOUSE_FUSE_FALLBACK:-pyfuse3}

validate_fusepy() {
    ldconfig -p | grep -q 'libfuse\.so\.2' && python -c "import fuse" 2>/dev/null
}

validate_pyfuse3() {
    ldconfig -p | grep -q 'libfuse3\.so\.3' && python -c "import pyfuse3, trio" 2>/dev/null
}

if "validate_$PRIMARY"; then
    export LIGHTHOUSE_ACTIVE_FUSE_BACKEND=$PRIMARY
elif "validate_$FALLBACK"; then
    echo "WARNING: $PRIMARY is not available, using $FALLBACK" >&2
    export LIGHTHOUSE_ACTIVE_FUSE_BACKEND=$FALLBACK
else
    echo "ERROR: no FUSE backend, running in degraded mode" >&2
fi

exec python -m lighthouse.bridge.main_bridge
