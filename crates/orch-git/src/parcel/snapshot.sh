# Notes what lies in a clone after its set-up and before its agent, byte for byte, so that what the set-up touched is not
# taken for the agent's. As in pack.sh two looks have to agree, and a git has to leave a trace of its end. A machine that
# says no for a moment is waited for; a note that cannot be made then is none. Arguments: as of pack.sh.
parcel=$1 start=$2 forge=$6 settings=$7 tree_before=$9
export GIT_DIR GIT_WORK_TREE=$PWD GIT_INDEX_FILE GIT_TRACE2
look() (
    GIT_DIR=$parcel.begin.$1 GIT_INDEX_FILE=$parcel.begin.$1/index GIT_TRACE2=$parcel.begin.$1/trace
    rm -rf -- "$GIT_DIR"
    mkdir -p "$GIT_DIR/objects/info" "$GIT_DIR/objects/pack" "$GIT_DIR/refs" "$GIT_DIR/info" || exit
    printf '%s' "$settings" > "$GIT_DIR/config" && printf '%s\n' "$start" > "$GIT_DIR/HEAD" || exit
    printf '%s\n%s\n' "$forge" "$PWD/.git/objects" > "$GIT_DIR/objects/info/alternates" || exit
    printf '* -text -eol -filter -ident -working-tree-encoding\n' > "$GIT_DIR/info/attributes" || exit
    [ ! -f .git/info/exclude ] || cp .git/info/exclude "$GIT_DIR/info/exclude" || exit
    copied .git/index "$GIT_INDEX_FILE" || exit
    if [ -n "$tree_before" ]; then
        git status --porcelain -z --untracked-files=all > "$GIT_DIR/state" || exit
        # The set-up left what it found: that is the tree.
        [ -s "$GIT_DIR/state" ] || { printf '%s\n' "$tree_before" > "$GIT_DIR/tree"; exit; }
    fi
    git add --all --ignore-errors -- . && git write-tree > "$GIT_DIR/tree"
)
(
    rm -rf -- "$parcel.begin"
    for round in 1 2 3 4 5 6 7 8 9 10 11 12; do
        look 1 & first=$!
        look 2 & second=$!
        wait "$first"; first=$?
        wait "$second" && [ "$first" = 0 ] && cmp -s "$parcel.begin.1/tree" "$parcel.begin.2/tree" &&
            mv "$parcel.begin.1" "$parcel.begin" && break
        # The first may as well be a file that git never takes.
        [ "$round" -lt 3 ] || sleep 0.3
    done
    rm -rf -- "$parcel.begin.1" "$parcel.begin.2"
) > /dev/null 2>&1 < /dev/null
:
