# The agent of a storm: one file for each task, written down outside so that nobody can deny that it ran.
echo "$ORCH_TASK_ID $ORCH_ATTEMPT" >>'@RAN@'
mkdir -p work
sleep 0.3
echo "work of $ORCH_TASK_ID" >"work/$ORCH_TASK_ID.txt"
