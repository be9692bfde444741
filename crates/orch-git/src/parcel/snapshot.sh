# Notes what lies in a clone after its set-up and before its agent, byte for byte, so that what the set-up touched is not
# taken for the agent's. A note that could not be made is none. Arguments: as of pack.sh.
parcel=$1 forge=$6 settings=$7
(
    set -u
    unset GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS
    export LC_ALL=C GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_LITERAL_PATHSPECS=1
    export GIT_DIR=$parcel.begin GIT_WORK_TREE=$PWD GIT_INDEX_FILE=$parcel.begin/index
    mkdir -p "$GIT_DIR/objects/info" "$GIT_DIR/objects/pack" "$GIT_DIR/refs" "$GIT_DIR/info" || exit
    printf '%s' "$settings" > "$GIT_DIR/config" && printf 'ref: refs/heads/none\n' > "$GIT_DIR/HEAD" || exit
    printf '%s\n%s\n' "$forge" "$PWD/.git/objects" > "$GIT_DIR/objects/info/alternates" || exit
    printf '* -text -eol -filter -ident -working-tree-encoding\n' > "$GIT_DIR/info/attributes" || exit
    [ -f .git/info/exclude ] && cp .git/info/exclude "$GIT_DIR/info/exclude"
    cp .git/index "$GIT_INDEX_FILE" && git add --all --ignore-errors -- . && git write-tree > "$parcel.begin/tree.new" &&
        mv "$parcel.begin/tree.new" "$parcel.begin/tree"
) > /dev/null 2>&1 < /dev/null
:
