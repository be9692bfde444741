#!/bin/sh
# The git commands that one task needs on its way through every stage to main, and nothing else: the baseline of
# `no_work_task`. Arguments: the user's repository, an empty folder. The forge is made first and not timed; the last
# line printed is the time in microseconds from there to main.
set -eu
source=$1 scratch=$2
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 LC_ALL=C
export GIT_AUTHOR_NAME=bench GIT_AUTHOR_EMAIL=bench@localhost GIT_COMMITTER_NAME=bench GIT_COMMITTER_EMAIL=bench@localhost
git() { command git -c core.fsync=committed,loose-object,reference -c gc.auto=0 -c core.hooksPath=/dev/null "$@"; }
forge=$scratch/forge.git branch=feature/no-work docs=docs/work-items/BENCH-001
git clone --quiet --bare --no-hardlinks "$source" "$forge"
begun=$(date +%s%N)

# Main is brought up to date, the branch is cut there.
theirs=$(git -C "$source" rev-parse --verify refs/heads/main)
base=$(git -C "$forge" rev-parse --verify refs/heads/main)
test "$theirs" = "$base"
head=$base
published=

stage() { # number, document, content
    clone=$scratch/clone-$1
    git -C "$forge" update-ref "refs/orch/pin/$1" "$head"
    git clone --quiet --shared --no-checkout "$forge" "$clone"
    git -C "$clone" checkout --quiet -b "$branch" "$head"
    mkdir -p "$(dirname "$clone/$2")"
    printf '%b' "$3" > "$clone/$2"
    git -C "$clone" add --all
    git -C "$clone" diff --cached --quiet || git -C "$clone" commit --quiet --message "Stage $1"
    git -C "$forge" fetch --quiet --no-tags "$clone" "+HEAD:refs/orch/attempts/$1"
    before=$head
    head=$(git -C "$forge" for-each-ref --format='%(objectname)' --contains="$head" "refs/orch/attempts/$1")
    printf '%s\n' "$before^{tree}" "$head^{tree}" "$head:$2" | git -C "$forge" cat-file --batch > /dev/null
    git -C "$forge" diff "$base" "$head" | git -C "$forge" patch-id --stable > /dev/null
    git -C "$forge" update-ref "refs/heads/$branch" "$head" "$published"
    published=$head
    rm -rf "$clone"
}

check() { # commit
    git clone --quiet --shared --no-checkout "$forge" "$scratch/check"
    git -C "$scratch/check" checkout --quiet --detach "$1"
    rm -rf "$scratch/check"
}

stage 1 $docs/01-brd.md '# Requirements\n'
stage 2 $docs/06-adr/ADR-001-none.md '# Decision\n'
stage 3 work.txt 'no work\n'
check "$head"
stage 4 $docs/12-review.md '---\nverdict: APPROVED\n---\n'
stage 5 $docs/13-test-report.md '---\nresult: PASS\n---\n'

# The candidate is made, tested and landed; the branch and the attempt's refs go.
git -C "$source" rev-parse --verify --quiet refs/heads/main > /dev/null
main=$(git -C "$forge" rev-parse --verify refs/heads/main)
tree=$(git -C "$forge" merge-tree --write-tree "$main" "$head")
candidate=$(git -C "$forge" commit-tree "$tree" -p "$main" -m 'No work')
check "$candidate"
git -C "$forge" update-ref refs/heads/main "$candidate" "$main"
ended=$(date +%s%N)
echo $(((ended - begun) / 1000))
