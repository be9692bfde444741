# The agent of a storm: one file for each task. What it says on its way stands in its run's log, which it cannot take back.
echo "ran $ORCH_TASK_ID $ORCH_ATTEMPT"
mkdir -p work
sleep 0.3
# Whoever has a proxy needs it, as an agent with a model does.
if [ -n "${HTTP_PROXY:-}" ] && command -v bash >/dev/null; then
  bash -c 'exec 3<>"/dev/tcp/${0%:*}/${0##*:}" && printf "GET / HTTP/1.1\r\nHost: x\r\n\r\n" >&3 && read -r _ <&3' \
    "${HTTP_PROXY##*@}" || { echo 'there is no way out' >&2; exit 3; }
fi
echo "work of $ORCH_TASK_ID" >"work/$ORCH_TASK_ID.txt"
