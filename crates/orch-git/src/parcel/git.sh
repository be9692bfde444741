# Before pack.sh and snapshot.sh: which git they get, and which index.
set -u
unset GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_NAMESPACE GIT_CONFIG_COUNT \
    GIT_CONFIG_PARAMETERS GIT_SHALLOW_FILE GIT_GRAFT_FILE GIT_REPLACE_REF_BASE GIT_PREFIX GIT_DEFAULT_HASH
export LC_ALL=C GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_LITERAL_PATHSPECS=1
export GIT_OPTIONAL_LOCKS=0 GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1 GIT_TERMINAL_PROMPT=0

# A git that came to its end wrote that down, with its code. What answers in its place does not.
git() {
    : > "$GIT_TRACE2" || return 125
    command git "$@"
    code=$?
    while read -r line; do
        case $line in *' exit elapsed:'*" code:$code") return "$code" ;; esac
    done < "$GIT_TRACE2"
    printf 'git %s came to no end of its own (exit code %s)\n' "$1" "$code" > "$GIT_TRACE2.untold"
    return 125
}

# An index with its time. What was written in the second in which git wrote its index may have changed behind its back, and git
# looks at it again: of a younger copy it would believe what stands there, and a change of the same size would be lost.
copied() {
    cp -- "$1" "$2" && touch -r "$1" -- "$2"
}
