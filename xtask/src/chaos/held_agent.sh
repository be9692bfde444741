# Before an agent's own script: the first developer, who comes third in the line, waits for ever. Its home is all that a
# confined agent can write besides its clone and its own documents.
if [ "$ORCH_ROLE$ORCH_ATTEMPT" = developer3 ] && mkdir -p "$HOME/held"; then
    sleep 86400
fi
