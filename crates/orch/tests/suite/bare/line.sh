# The normal line in a repository of its own: `orch init`, `orch up`, `orch new`, until the analyst's work is there.
# What it says is the answer: one line `key: value` for each thing that the test looks at.
set -u
mkdir -p "$HOME/project"
cd "$HOME/project" || exit 1
git init --quiet --initial-branch main
git config user.name Ann
git config user.email ann@example.org
echo hello > README.md
git add README.md
git commit --quiet --message init
# Anybody may run it, wherever the home folder is.
cat > /usr/local/share/agent.sh 2> /dev/null << 'END'
echo '# What is wanted' > "$ORCH_DOCS_DIR/01-brd.md"
END
chmod 755 /usr/local/share/agent.sh
orch init --yes --test true --agent-command "/bin/sh /usr/local/share/agent.sh" > init.log 2>&1 || { cat init.log; exit 1; }
orch doctor > doctor.log 2>&1
# What goes on in the next line is set in.
sed -e ':again' -e 'N;$!b again' -e 's/\n  */ /g' doctor.log | sed -n 's/^\(ok\|warn\|fail\) *confinement *\(.*\)/doctor: \1 \2/p' doctor.log
orch up --port 0 > up.log 2>&1 &
up=$!
for _ in $(seq 300); do
    grep -q 'Runs are confined\|nothing will start' up.log && break
    kill -0 $up 2> /dev/null || break
    sleep 0.1
done
grep 'Runs are confined\|nothing will start\|^error' up.log | sed 's/^/up: /'
orch new "Say hello" --description "The greeter knows English only, please mend that soon." > new.log 2>&1 || cat new.log
for _ in $(seq "${PATIENCE:-300}"); do
    orch show 1 > show.log 2>&1
    grep -q 'approve it\|orch retry' show.log && break
    sleep 0.1
done
grep -q 'approve it' show.log && echo "line: asks" || { echo "line: stands"; sed 's/^/show: /' show.log; }
echo "repeated: $(grep -c 'waits for room' up.log)"
kill -INT $up 2> /dev/null
wait $up 2> /dev/null
state=${ORCH_STATE_DIR:-$HOME/.local/state/orch}
for file in "$state" "$state/orch.db" "$state/token" "$HOME/.config/orch/host.toml"; do
    echo "mode: $(stat -c %a "$file") ${file##*/}"
done
echo "open: $(find "$state" "$HOME/.config/orch" -perm /022 ! -type l ! -path '*/places/*' ! -path '*/scratch/*' | wc -l)"
orch backup "$HOME/copy" > /dev/null && echo "mode: $(stat -c %a "$HOME/copy") copy"
