# Before an agent's own script: the first developer waits for ever.
if [ "$ORCH_ROLE" = developer ] && mkdir "$(dirname "$0")/held" 2>/dev/null; then
    sleep 86400
fi
