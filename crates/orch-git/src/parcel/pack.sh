# The last command of a run: packs what lies in its clone into a parcel, for the forge to take in. Run by sh in the
# clone, with the run's rights. A repository of its own is put around the files, so that of the clone's repository
# nothing is read but plain files: no setting, hook, filter, replacement or lock of it means anything here.
#
# Arguments: parcel (a path; the parcel's files have it as their beginning), start, base or nothing, folder of the
# documents, branch, objects of the forge, settings of the repository, `overlaid` if git was told to overlook files.
set -u
parcel=$1 start=$2 base=$3 documents=$4 branch=$5 forge=$6 settings=$7 overlaid=$8
clone=$PWD
umask 022
unset GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_NAMESPACE GIT_CONFIG_COUNT \
    GIT_CONFIG_PARAMETERS GIT_SHALLOW_FILE GIT_GRAFT_FILE GIT_REPLACE_REF_BASE GIT_PREFIX GIT_DEFAULT_HASH
export LC_ALL=C GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_LITERAL_PATHSPECS=1
export GIT_OPTIONAL_LOCKS=0 GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1 GIT_TERMINAL_PROMPT=0
export GIT_DIR=$parcel.git GIT_WORK_TREE=$clone GIT_INDEX_FILE=$parcel.git/index
work=$parcel.git/tmp

trouble() {
    # What git said last is the reason; the log has it too.
    words=$(tail -c 1500 "$work/said" 2>/dev/null)
    printf '%s: %s\n' "$1" "$words" >&2
    case $words in
    # Git reads this file of the work itself, and no retry mends it.
    *.gitmodules* | *"'submodule."*)
        printf 'orch-parcel 1\0head\0%s\0tree\0%s\0history\0whole\0refused\0%s\0\0end\0' "$start" "$start" "$words" \
            > "$parcel.facts" && exit 0 ;;
    esac
    { printf 'orch-parcel 1\0trouble\0%s: %s\0end\0' "$1" "$words" > "$parcel.facts"; } 2>/dev/null
    exit 1
}
rm -rf -- "$parcel.git" "$parcel.facts" "$parcel.pack" "$parcel.pristine" || exit 1
mkdir -p -- "$GIT_DIR/objects/info" "$GIT_DIR/objects/pack" "$GIT_DIR/refs" "$GIT_DIR/info" "$work" || exit 1
: > "$work/said" || trouble 'a file could not be written'
printf '%s' "$settings" > "$GIT_DIR/config" && printf '%s\n' "$start" > "$GIT_DIR/HEAD" ||
    trouble 'a file could not be written'
[ -f .git/info/exclude ] && cp .git/info/exclude "$GIT_DIR/info/exclude"
printf '%s\n' "$forge" > "$GIT_DIR/objects/info/alternates"
[ -f "$parcel.begin/tree" ] && printf '%s\n' "$parcel.begin/objects" >> "$GIT_DIR/objects/info/alternates"
lists='unfinished unmerged nested hidden elsewhere refused checked touched filters'
for list in $lists; do : > "$work/$list"; done
git cat-file -e "$start^{tree}" 2> "$work/said" || trouble 'the objects of the forge cannot be read'

# Of the clone's own repository: where its head is, what stands in the middle, what lies elsewhere.
value() {
    found=
    if [ -f ".git/$1" ]; then
        IFS= read -r found < ".git/$1"
    elif [ -f .git/packed-refs ]; then
        while read -r at name_at; do [ "$name_at" = "$1" ] && found=$at; done < .git/packed-refs
    fi
    depth=$((depth + 1))
    case $found in 'ref: '*) [ "$depth" -lt 6 ] && value "${found#ref: }" ;; esac
}
head=$start
if [ -d .git ] && [ ! -L .git ] && [ -d .git/objects ] && [ ! -L .git/objects ] &&
    [ -z "$(find .git/objects .git/refs ! -type d ! -type f 2>/dev/null | head -n 1)" ]; then
    # It borrows from the forge and from nobody else, whatever an agent put there.
    rm -rf .git/objects/info
    mkdir -p .git/objects/info && printf '%s\n' "$forge" > .git/objects/info/alternates
    printf '%s\n' "$clone/.git/objects" >> "$GIT_DIR/objects/info/alternates"
    depth=0; value HEAD; head=$found
    [ -e .git/MERGE_HEAD ] && printf 'merge\0' >> "$work/unfinished"
    [ -e .git/CHERRY_PICK_HEAD ] && printf 'cherry-pick\0' >> "$work/unfinished"
    [ -e .git/REVERT_HEAD ] && printf 'revert\0' >> "$work/unfinished"
    [ -s "$work/unfinished" ] || { [ -e .git/sequencer ] && printf 'cherry-pick\0' >> "$work/unfinished"; }
    for apply in rebase-merge rebase-apply; do
        [ -e ".git/$apply" ] || continue
        printf 'rebase\0' >> "$work/unfinished"
        # In the middle of it HEAD lacks the commits that are still to come.
        [ -f ".git/$apply/orig-head" ] && IFS= read -r head < ".git/$apply/orig-head"
    done
    if [ -e .git/BISECT_LOG ]; then
        printf 'bisect\0' >> "$work/unfinished"
        [ -f .git/BISECT_START ] && IFS= read -r at < .git/BISECT_START && depth=0 && value "refs/heads/$at" && head=$found
    fi
fi
history=whole
if ! git cat-file -e "$head^{commit}" 2>/dev/null; then head=$start history=none; fi

if [ "$history" = whole ] && [ -d .git/refs ]; then
    { find .git/refs -type f 2>/dev/null | sed 's|^\.git/||'
      [ -f .git/packed-refs ] && sed -n 's/^[0-9a-f]* //p' .git/packed-refs; } | sort -u | head -n 200 > "$work/refs"
    while IFS= read -r name; do
        case $name in "refs/heads/$branch" | refs/heads/orch-base | refs/replace/* | refs/bisect/* | refs/rewritten/*) continue ;; esac
        depth=0; value "$name"
        count=$(git rev-list --count "$found" --not "$head" "$start" ${base:+"$base"} 2>/dev/null) || continue
        [ "$count" = 0 ] || printf '%s (%s)\0' "$name" "$count" >> "$work/elsewhere"
    done < "$work/refs"
fi

# Objects of the clone are gone: what lies there is read anew, byte by byte.
anew() {
    rm -f "$GIT_INDEX_FILE"
    git read-tree "$start" 2> "$work/said" && git add --all --ignore-errors -- . 2> "$work/said" &&
        tree=$(git write-tree 2> "$work/said")
}

# The index, for what it knows of unchanged files and of files that were added against an ignore.
[ -f .git/index ] && cp .git/index "$GIT_INDEX_FILE" 2> "$work/said"
for shared in .git/sharedindex.*; do [ -f "$shared" ] && cp "$shared" "$GIT_DIR/"; done
if ! git ls-files > /dev/null 2>&1; then
    rm -f "$GIT_INDEX_FILE"
    git read-tree "$head" 2> "$work/said" || trouble 'the tree of the head cannot be read'
fi
git -c core.quotePath=false ls-files --unmerged | sed 's/^[^	]*	//' | sort -u | tr '\n' '\0' > "$work/unmerged"
tree=
if [ -s "$work/unfinished" ] || [ -s "$work/unmerged" ]; then
    # What git has in the middle is nobody's word yet: nothing is added to what was committed.
    tree=$(git rev-parse "$head^{tree}" 2> "$work/said") || trouble 'the tree of the head cannot be read'
    rm -f "$GIT_INDEX_FILE"
    git read-tree "$head" 2> "$work/said" || trouble 'the tree of the head cannot be read'
else
    if [ ! -f .git/info/sparse-checkout ] && [ -z "$overlaid" ]; then
        git -c core.quotePath=true ls-files -v | sed -n 's/^[a-zS] //p' > "$work/marked"
        if [ -s "$work/marked" ]; then
            git update-index --no-assume-unchanged --stdin < "$work/marked" 2> "$work/said" &&
                git update-index --no-skip-worktree --stdin < "$work/marked" 2> "$work/said" ||
                trouble 'files that were hidden from git cannot be shown to it'
            tr '\n' '\0' < "$work/marked" > "$work/hidden"
        fi
    fi
    # A repository inside is taken in as the files that it is, but for a submodule that is one by name.
    find . -path ./.git -prune -o -name .git -prune -print0 2>/dev/null > "$work/inner"
    if [ -s "$work/inner" ]; then
        named=$(git config --file .gitmodules --get-regexp '\.path$' 2>/dev/null | sed 's/^[^ ]* //')
        mkdir -p "$parcel.inner" || trouble 'a folder could not be made'
        export start parcel work named
        xargs -0 sh -c '
            for inner do
                folder=${inner%/.git}; folder=${folder#./}
                printf "%s\n" "$named" | grep -Fxq -e "$folder" && continue
                git ls-tree "$start" -- "$folder" | grep -q "^160000" && continue
                taken=$(mktemp -d "$parcel.inner/XXXXXX") && mv -- "$inner" "$taken/" || { printf "%s: an inner repository that cannot be opened\0" "$folder" >> "$work/refused"; continue; }
                git ls-files --stage -- "$folder" | grep -q "^160000" && git update-index --force-remove -- "$folder"
                printf "%s\0" "$folder" >> "$work/nested"
            done' inner < "$work/inner" 2> "$work/said"
    fi
    add() {
        git add --all --ignore-errors -- . 2> "$work/said" || return 1
        grep -q 'Permission denied' "$work/said" && return 1
        [ ! -d "$documents" ] || git add --all --force --ignore-errors -- "$documents" 2> "$work/said"
    }
    if ! add; then
        # What its owner shut is opened; only what is somebody else's stays shut.
        find . -path ./.git -prune -o ! -type l ! -perm -u=rw -exec chmod u+rwX {} + 2>/dev/null
        if ! add; then
            # These are no troubles of the machine: no retry makes a file of a pipe.
            grep -E 'can only add regular files|does not have a commit checked out|is beyond a symbolic link' "$work/said" |
                tr '\n' '\0' >> "$work/refused"
            [ -s "$work/refused" ] || trouble 'what lies in the clone cannot be added'
        fi
    fi
    tree=$(git write-tree 2> "$work/said") || anew || trouble 'the tree cannot be written'
fi

# What nobody touched: files that git would only write differently, or that the set-up left so.
raw() {
    printf '* -text -eol -filter -ident -working-tree-encoding\n' > "$GIT_DIR/info/attributes"
}
git diff-index --cached --name-only -z "$start" > "$work/changed" 2> "$work/said" ||
    trouble 'the change cannot be read'
if [ -s "$work/changed" ] && git ls-files -z | tr '\0' '\n' | grep -Eq '(^|/)\.gitattributes$'; then
    git check-attr -z --stdin filter < "$work/changed" > "$work/filters" 2> "$work/said" || trouble 'attributes cannot be read'
fi
if [ -f "$parcel.begin/tree" ] && [ ! -s "$work/unfinished" ] && [ ! -s "$work/unmerged" ]; then
    IFS= read -r before < "$parcel.begin/tree"
    if cp "$parcel.begin/index" "$GIT_DIR/raw" 2>/dev/null && raw &&
        GIT_INDEX_FILE=$GIT_DIR/raw git add --all --ignore-errors -- . 2>/dev/null &&
        after=$(GIT_INDEX_FILE=$GIT_DIR/raw git write-tree 2>/dev/null) &&
        git diff-tree -r -z --no-renames --name-only "$before" "$after" > "$work/touched" 2>/dev/null; then
        cp "$work/changed" "$work/checked"
    fi
    rm -f "$GIT_DIR/info/attributes"
elif [ -s "$work/filters" ]; then
    git diff-index --cached --name-only -z --diff-filter=M "$start" > "$work/checked"
    if [ -s "$work/checked" ] && mkdir "$parcel.pristine" && GIT_INDEX_FILE=$GIT_DIR/pristine git read-tree "$start" &&
        (cd "$parcel.pristine" && GIT_WORK_TREE=$parcel.pristine GIT_INDEX_FILE=$GIT_DIR/pristine \
            git checkout-index --force -z --stdin < "$work/checked") 2>/dev/null; then
        raw
        of() {
            rm -f "$GIT_DIR/raw"
            cd "$1" && GIT_WORK_TREE=$1 GIT_INDEX_FILE=$GIT_DIR/raw git update-index -z --add --stdin < "$work/checked" &&
                GIT_INDEX_FILE=$GIT_DIR/raw git write-tree
        }
        before=$( (of "$parcel.pristine") 2>/dev/null) && after=$( (of "$clone") 2>/dev/null) &&
            git diff-tree -r -z --no-renames --name-only "$before" "$after" > "$work/touched" 2>/dev/null ||
            : > "$work/checked"
        rm -f "$GIT_DIR/info/attributes"
    else
        : > "$work/checked"
    fi
fi

# The pack: everything that the forge does not have.
start_tree=$(git rev-parse "$start^{tree}") || trouble 'the start cannot be read'
if [ "$head" != "$start" ] || [ "$tree" != "$start_tree" ]; then
    wanted() { printf '%s\n' "$@" "^$start" "^$start_tree" ${base:+"^$base"}; }
    if ! wanted "$head" "$tree" | git pack-objects -q --revs --stdout > "$parcel.pack" 2> "$work/said"; then
        # A history with a hole in it is none; the tree alone may be whole.
        grep -Eq 'No space left|Disk quota' "$work/said" && trouble 'the pack cannot be written'
        head=$start history=none
        if ! wanted "$tree" | git pack-objects -q --revs --stdout > "$parcel.pack" 2> "$work/said"; then
            anew && wanted "$tree" | git pack-objects -q --revs --stdout > "$parcel.pack" 2> "$work/said" ||
                trouble 'the pack cannot be written'
        fi
    fi
fi
{
    printf 'orch-parcel 1\0head\0%s\0tree\0%s\0history\0%s\0' "$head" "$tree" "$history"
    for list in $lists; do printf '%s\0' "$list"; cat "$work/$list"; printf '\0'; done
    printf 'end\0'
} > "$parcel.unfinished" && mv "$parcel.unfinished" "$parcel.facts" || trouble 'the facts cannot be written'
rm -rf "$parcel.pristine"
exit 0
