# The last command of a run: packs what lies in its clone into a parcel, for the forge to take in. Run by sh in the
# clone, with the run's rights. A repository of its own is put around the files, so that of the clone's repository
# nothing is read but plain files: no setting, hook, filter, replacement or lock of it means anything here.
#
# No single git's word makes a fact: each one has to leave a trace that it ran to its end, and everything is looked at
# twice, by gits that share nothing. Only what both looks say alike is packed.
#
# Arguments: parcel (a path; the parcel's files have it as their beginning), start, base or nothing, folder of the
# documents, branch, objects of the forge, settings of the repository, `overlaid` if git was told to overlook files, tree
# of the start, `looking` if somebody is still at work there: then nothing of the clone is changed, and what lies in a
# repository inside is not looked at.
parcel=$1 start=$2 base=$3 documents=$4 branch=$5 forge=$6 settings=$7 overlaid=$8 tree_before=$9 looking=${10:-}
clone=$PWD
umask 022
export GIT_DIR GIT_WORK_TREE=$clone GIT_INDEX_FILE GIT_TRACE2
lists='unfinished unmerged nested hidden elsewhere refused checked touched filters'

trouble() {
    # What git said last is the reason; the log has it too.
    words="$1: $(cat "$work/trace.untold" 2>/dev/null) $(tail -c 1500 "$work/said" 2>/dev/null)"
    printf '%s\n' "$words" >&2
    { printf 'orch-parcel 1\0trouble\0%s\0end\0' "$words" > "$parcel.facts"; } 2>/dev/null
    exit 1
}
# A repository around the files, with nothing in it.
repository() {
    GIT_DIR=$parcel.git/$1 work=$parcel.git/$1/tmp
    GIT_INDEX_FILE=$GIT_DIR/index GIT_TRACE2=$work/trace
    rm -rf -- "$GIT_DIR"
    mkdir -p -- "$GIT_DIR/objects/info" "$GIT_DIR/objects/pack" "$GIT_DIR/refs" "$GIT_DIR/info" "$work" &&
        : > "$work/said" && printf '%s' "$settings" > "$GIT_DIR/config" && printf '%s\n' "$start" > "$GIT_DIR/HEAD" &&
        printf '%s\n' "$forge" > "$GIT_DIR/objects/info/alternates" || trouble 'a file could not be written'
    [ ! -f .git/info/exclude ] || cp .git/info/exclude "$GIT_DIR/info/exclude" || trouble 'a file could not be copied'
    [ ! -s "$parcel.git/passed" ] || cat "$parcel.git/passed" >> "$GIT_DIR/info/exclude" || trouble 'a file could not be written'
    [ ! -f "$parcel.begin/tree" ] || printf '%s\n' "$parcel.begin/objects" >> "$GIT_DIR/objects/info/alternates"
    [ -z "$borrows" ] || printf '%s\n' "$borrows" >> "$GIT_DIR/objects/info/alternates"
    for list in $lists; do : > "$work/$list"; done
}
work=$parcel.git borrows=
rm -rf -- "$parcel.git" "$parcel.facts" "$parcel.pack" "$parcel.pristine.1" "$parcel.pristine.2" || exit 1
mkdir -p -- "$work" || exit 1
for list in unfinished inner kept; do : > "$parcel.git/$list"; done

# Of the clone's own repository: where its head is, what stands in the middle. Plain files, and no git.
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
lies_at=$start
if [ -d .git ] && [ ! -L .git ] && [ -d .git/objects ] && [ ! -L .git/objects ] &&
    [ -z "$(find .git/objects .git/refs ! -type d ! -type f 2>/dev/null | head -n 1)" ]; then
    # It borrows from the forge and from nobody else, whatever an agent put there.
    if [ -z "$looking" ]; then
        rm -rf .git/objects/info
        mkdir -p .git/objects/info && printf '%s\n' "$forge" > .git/objects/info/alternates
    fi
    borrows=$clone/.git/objects
    depth=0; value HEAD; lies_at=$found
    [ -e .git/MERGE_HEAD ] && printf 'merge\0' >> "$parcel.git/unfinished"
    [ -e .git/CHERRY_PICK_HEAD ] && printf 'cherry-pick\0' >> "$parcel.git/unfinished"
    [ -e .git/REVERT_HEAD ] && printf 'revert\0' >> "$parcel.git/unfinished"
    [ -s "$parcel.git/unfinished" ] || { [ -e .git/sequencer ] && printf 'cherry-pick\0' >> "$parcel.git/unfinished"; }
    for apply in rebase-merge rebase-apply; do
        [ -e ".git/$apply" ] || continue
        printf 'rebase\0' >> "$parcel.git/unfinished"
        # In the middle of it HEAD lacks the commits that are still to come.
        [ -f ".git/$apply/orig-head" ] && IFS= read -r lies_at < ".git/$apply/orig-head"
    done
    if [ -e .git/BISECT_LOG ]; then
        printf 'bisect\0' >> "$parcel.git/unfinished"
        [ -f .git/BISECT_START ] && IFS= read -r at < .git/BISECT_START && depth=0 && value "refs/heads/$at" &&
            lies_at=$found
    fi
fi

# A repository inside is taken in as the files that it is, but for a submodule that is one by name. It is put aside once;
# its name is kept for whoever packs again.
find . -path ./.git -prune -o \( -name .git -prune -o -name .gitattributes -type f \) -print0 2>/dev/null > "$parcel.git/inner"
attributes=
if tr '\0' '\n' < "$parcel.git/inner" | grep -q '\.gitattributes$'; then
    attributes=some
    mv "$parcel.git/inner" "$parcel.git/attributes"
    find . -path ./.git -prune -o -name .git -prune -print0 2>/dev/null > "$parcel.git/inner"
fi
submodules() (
    repository "$1"
    { [ ! -f .gitmodules ] || git config --file .gitmodules --get-regexp '\.path$' 2> "$work/said" | sed 's/^[^ ]* //'
      git -c core.quotePath=false ls-tree -r "$start" 2> "$work/said" | sed -n 's/^160000 commit [0-9a-f]*	//p'
    } > "$parcel.git/submodules.$1"
    [ ! -e "$work/trace.untold" ] || trouble 'what is a submodule cannot be read'
)
aside() {
    xargs -0 sh -c '
        for inner do
            folder=${inner%/.git}; folder=${folder#./}
            grep -Fxq -e "$folder" "$parcel.git/submodules.1" && continue
            printf "%s\0" "$folder" >> "$parcel.nested"
            if [ -n "$looking" ]; then
                printf "/%s/\n" "$folder" | sed "s/[][*?\\\\]/\\\\&/g" >> "$parcel.git/passed"
                continue
            fi
            taken=$(mktemp -d "$parcel.inner/XXXXXX") && mv -- "$inner" "$taken/" ||
                printf "%s: an inner repository that cannot be opened\0" "$folder" >> "$parcel.git/kept"
        done' inner < "$parcel.git/inner" 2> "$work/said"
}
if [ ! -s "$parcel.git/unfinished" ] && [ -s "$parcel.git/inner" ]; then
    submodules 1 && submodules 2 || exit 1
    cmp -s "$parcel.git/submodules.1" "$parcel.git/submodules.2" || trouble 'git names other submodules the second time'
    mkdir -p "$parcel.inner" || trouble 'a folder could not be made'
    export parcel looking
    aside
fi

# Objects of the clone are gone: what lies there is read anew, byte by byte.
anew() {
    rm -f "$GIT_INDEX_FILE"
    git read-tree "$start" 2> "$work/said" && git add --all --ignore-errors -- . 2> "$work/said" &&
        tree=$(git write-tree 2> "$work/said")
}
add() {
    git add --all --ignore-errors -- . 2> "$work/said" || return 1
    grep -q 'Permission denied' "$work/said" && return 1
    [ ! -d "$documents" ] || git add --all --force --ignore-errors -- "$documents" 2> "$work/said"
}
# Files as they lie there, whatever attributes say.
raw() {
    printf '* -text -eol -filter -ident -working-tree-encoding\n' > "$GIT_DIR/info/attributes"
}
# Where else commits lie that the head has not.
elsewhere() {
    [ "$history" = whole ] && [ -d .git/refs ] || return 0
    { find .git/refs -type f 2>/dev/null | sed 's|^\.git/||'
      [ -f .git/packed-refs ] && sed -n 's/^[0-9a-f]* //p' .git/packed-refs; } | sort -u | head -n 200 > "$work/refs"
    while IFS= read -r name; do
        case $name in "refs/heads/$branch" | refs/heads/orch-base | refs/replace/* | refs/bisect/* | refs/rewritten/*) continue ;; esac
        depth=0; value "$name"
        case $found in "$head" | "$start" | "$base") continue ;; esac
        count=$(git rev-list --count "$found" --not "$head" "$start" ${base:+"$base"} 2>/dev/null) || continue
        [ "$count" = 0 ] || printf '%s (%s)\0' "$name" "$count" >> "$work/elsewhere"
    done < "$work/refs"
}
# The index of the clone, for what it knows of unchanged files and of files that were added against an ignore.
index() {
    [ ! -f .git/index ] || copied .git/index "$GIT_INDEX_FILE" 2> "$work/said" || trouble 'the index cannot be copied'
    for shared in .git/sharedindex.*; do [ -f "$shared" ] && copied "$shared" "$GIT_DIR/${shared#.git/}"; done
    if ! git -c core.quotePath=false ls-files --stage -v > "$work/listed" 2> "$work/said"; then
        rm -f "$GIT_INDEX_FILE"
        git read-tree "$head" 2> "$work/said" || trouble 'the tree of the head cannot be read'
        git -c core.quotePath=false ls-files --stage -v > "$work/listed" 2> "$work/said" || trouble 'no index can be made'
    fi
    sed -n '/^[^	]* [123]	/s/^[^	]*	//p' "$work/listed" | sort -u | tr '\n' '\0' > "$work/unmerged"
}
# What git takes of all that lies there, as a tree.
taken() {
    if [ ! -f .git/info/sparse-checkout ] && [ -z "$overlaid" ]; then
        sed -n 's/^[a-zS] [^	]*	//p' "$work/listed" > "$work/marked"
        if [ -s "$work/marked" ]; then
            git update-index --no-assume-unchanged --stdin < "$work/marked" 2> "$work/said" &&
                git update-index --no-skip-worktree --stdin < "$work/marked" 2> "$work/said" ||
                trouble 'files that were hidden from git cannot be shown to it'
            tr '\n' '\0' < "$work/marked" > "$work/hidden"
        fi
    fi
    if [ -s "$parcel.nested" ]; then
        cp "$parcel.nested" "$work/nested"
        git update-index -z --force-remove --stdin < "$work/nested" 2> "$work/said" || trouble 'a repository inside cannot be taken'
    fi
    if ! add; then
        # What its owner shut is opened; only what is somebody else's stays shut.
        [ -n "$looking" ] || find . -path ./.git -prune -o ! -type l ! -perm -u=rw -exec chmod u+rwX {} + 2>/dev/null
        if ! add; then
            # These are no troubles of the machine: no retry makes a file of a pipe.
            grep -E 'can only add regular files|does not have a commit checked out|is beyond a symbolic link' "$work/said" |
                tr '\n' '\0' >> "$work/refused"
            [ -s "$work/refused" ] || trouble 'what lies in the clone cannot be added'
        fi
    fi
    tree=$(git write-tree 2> "$work/said") || anew || trouble 'the tree cannot be written'
}
# What nobody touched: files that git would only write differently, or that the set-up left so.
touched() {
    if [ -f "$parcel.begin/tree" ] && [ ! -s "$work/unfinished" ] && [ ! -s "$work/unmerged" ]; then
        IFS= read -r before < "$parcel.begin/tree"
        if copied "$parcel.begin/index" "$GIT_DIR/raw" 2>/dev/null && raw &&
            (GIT_INDEX_FILE=$GIT_DIR/raw; git add --all --ignore-errors -- .) 2>/dev/null &&
            after=$( (GIT_INDEX_FILE=$GIT_DIR/raw; git write-tree) 2>/dev/null) &&
            git diff-tree -r -z --no-renames --name-only "$before" "$after" > "$work/touched" 2>/dev/null; then
            cp "$work/changed" "$work/checked"
        fi
        rm -f "$GIT_DIR/info/attributes"
    elif [ -s "$work/filters" ]; then
        pristine=$parcel.pristine.$look
        git diff-index --cached --name-only -z --diff-filter=M "$start" > "$work/checked"
        if [ -s "$work/checked" ] && mkdir "$pristine" &&
            (cd "$pristine" && GIT_WORK_TREE=$pristine GIT_INDEX_FILE=$GIT_DIR/pristine && git read-tree "$start" &&
                git checkout-index --force -z --stdin < "$work/checked") 2>/dev/null; then
            raw
            of() {
                rm -f "$GIT_DIR/raw"
                cd "$1" && GIT_WORK_TREE=$1 GIT_INDEX_FILE=$GIT_DIR/raw &&
                    git update-index -z --add --stdin < "$work/checked" && git write-tree
            }
            before=$( (of "$pristine") 2>/dev/null) && after=$( (of "$clone") 2>/dev/null) &&
                git diff-tree -r -z --no-renames --name-only "$before" "$after" > "$work/touched" 2>/dev/null ||
                : > "$work/checked"
            rm -f "$GIT_DIR/info/attributes"
        else
            : > "$work/checked"
        fi
        rm -rf "$pristine"
    fi
}
# One look at all of it, in a repository of its own: its facts, or trouble.
look() (
    look=$1
    repository "$1"
    trouble() {
        words=$(tail -c 1500 "$work/said" 2>/dev/null)
        case $words in
        # Git reads this file of the work itself, and no retry mends it.
        *.gitmodules* | *"'submodule."*)
            printf 'refused\0%s\0\0' "$words" > "$GIT_DIR/lists" &&
                printf '%s %s whole %s\n' "$start" "$start" "$start" > "$GIT_DIR/short" && exit 0 ;;
        esac
        { cat "$work/trace.untold" 2>/dev/null; printf '%s: %s\n' "$1" "$words"; } > "$parcel.git/said"
        exit 1
    }
    git cat-file -e "$start^{tree}" 2> "$work/said" || trouble 'the objects of the forge cannot be read'
    cp "$parcel.git/unfinished" "$work/unfinished" && cp "$parcel.git/kept" "$work/refused" || trouble 'a file could not be copied'
    head=$lies_at history=whole
    git cat-file -e "$head^{commit}" 2>/dev/null || head=$start history=none
    elsewhere
    index
    if [ -n "$all_anew" ]; then
        anew || trouble 'the tree cannot be written'
    elif [ -s "$work/unfinished" ] || [ -s "$work/unmerged" ]; then
        # What git has in the middle is nobody's word yet: nothing is added to what was committed.
        tree=$(git rev-parse "$head^{tree}" 2> "$work/said") || trouble 'the tree of the head cannot be read'
        rm -f "$GIT_INDEX_FILE"
        git read-tree "$head" 2> "$work/said" || trouble 'the tree of the head cannot be read'
    else
        taken
    fi
    git diff-index --cached --name-only -z "$start" > "$work/changed" 2> "$work/said" ||
        trouble 'the change cannot be read'
    if [ -s "$work/changed" ] && { grep -Eq '[	/]\.gitattributes$' "$work/listed" || tr '\0' '\n' < "$work/changed" | grep -Eq '(^|/)\.gitattributes$'; }; then
        git check-attr -z --stdin filter < "$work/changed" > "$work/filters" 2> "$work/said" || trouble 'attributes cannot be read'
    fi
    touched
    start_tree=$(git rev-parse "$start^{tree}" 2> "$work/said") || trouble 'the start cannot be read'
    [ ! -e "$work/trace.untold" ] || trouble 'it is not known what lies in the clone'
    for list in $lists; do printf '%s\0' "$list"; cat "$work/$list"; printf '\0'; done > "$GIT_DIR/lists" &&
        printf '%s %s %s %s\n' "$head" "$tree" "$history" "$start_tree" > "$GIT_DIR/short" ||
        trouble 'the facts cannot be written'
)
# Two looks, until they say the same.
looks() {
    for round in 1 2 3; do
        rm -f "$parcel.git/said"
        look 1 & first=$!
        look 2 & second=$!
        wait "$first"; first=$?
        wait "$second" && [ "$first" = 0 ] && cmp -s "$parcel.git/1/short" "$parcel.git/2/short" &&
            cmp -s "$parcel.git/1/lists" "$parcel.git/2/lists" || continue
        read -r head tree history start_tree < "$parcel.git/1/short" && return 0
    done
    trouble "$(cat "$parcel.git/said" 2>/dev/null || echo "two looks at what lies in the clone differ ($round times)")"
}
# Whether what changed is stored as it lies there. Attributes that were changed, or speak of filters, are not looked through here;
# what they say of line ends means nothing to files without a carriage return.
plainly() {
    tr '\0' '\n' < "$work/agreed" | grep -q '\.gitattributes$' && return 1
    [ -n "$attributes" ] || return 0
    tr '\0' '\n' < "$work/agreed" |
        sed -n 's/^1 .. N\.\.\. [0-7]* [0-7]* 100[0-7]* [0-9a-f]* [0-9a-f]* //p' | tr '\n' '\0' > "$work/files"
    # Also what grep cannot read is said.
    [ -z "$(xargs -0 grep -lE 'filter|ident|encoding' < "$parcel.git/attributes" 2>&1 | head -n 1)" ] &&
        { [ ! -s "$work/files" ] || [ -z "$(xargs -0 grep -l -e "$(printf '\r')" -- < "$work/files" 2>&1 | head -n 1)" ]; }
}
# The usual case, in four gits: nobody is at work there, nothing stands in the middle, is hidden, inside, elsewhere, or stored
# otherwise. One look makes the tree, and another git names what differs from the start, path by path. The forge holds the one against the other.
# Whatever is not as usual ends it, and all is looked at twice.
usual() (
    [ -z "$looking" ] && [ -n "$borrows" ] && [ -n "$tree_before" ] || exit 1
    for list in "$parcel.git/unfinished" "$parcel.git/inner" "$parcel.nested" "$parcel.git/kept"; do
        [ ! -s "$list" ] || exit 1
    done
    case $lies_at in *[!0-9a-f]*) exit 1 ;; esac
    [ "${#lies_at}" = "${#start}" ] || exit 1
    for file in .git/info/sparse-checkout .git/packed-refs .git/sharedindex.*; do [ ! -e "$file" ] || exit 1; done
    for name in $(find .git/refs ! -type d); do
        case $name in ".git/refs/heads/$branch" | .git/refs/heads/orch-base) ;; *) exit 1 ;; esac
    done
    if [ -f "$parcel.begin/tree" ]; then
        # What the set-up left is what the start has.
        IFS= read -r before < "$parcel.begin/tree" && [ "$before" = "$tree_before" ] || exit 1
    fi
    repository usual
    trouble() { exit 1; }
    [ -f .git/index ] && [ ! -L .git/index ] && copied .git/index "$GIT_INDEX_FILE" || exit 1
    # As it was made it has no mark and no conflict in it.
    if [ ! -f .git/index.begun ] || ! cmp -s .git/index .git/index.begun; then
        for time in 1 2; do git ls-files --stage -v -z > "$work/listed.$time" || exit 1; done
        cmp -s "$work/listed.1" "$work/listed.2" || exit 1
        tr '\0' '\n' < "$work/listed.1" | grep -Eqv '^H [0-7]* [0-9a-f]* 0	' && exit 1
    fi
    git add --all --ignore-errors -- . 2> "$work/said" && [ ! -s "$work/said" ] || exit 1
    if [ -d "$documents" ]; then
        # A path ends at a NUL in the index, behind one byte with its length. One that is not there may be ignored.
        tr '\0' '\n' < "$GIT_INDEX_FILE" | grep -aF -- "$documents/" > "$work/known"
        cut -b2- < "$work/known" > "$work/both" && cat "$work/known" >> "$work/both" &&
            find "$documents" ! -type d > "$work/documents" || exit 1
        grep -aFxvq -f "$work/both" -- "$work/documents"
        [ $? = 1 ] || exit 1
    fi
    tree=$(git write-tree) || exit 1
    git status --porcelain=v2 -z --untracked-files=all --no-renames --ignore-submodules=none > "$work/agreed" || exit 1
    tr '\0' '\n' < "$work/agreed" | grep -Eqv '^1 [AMDT]\. N\.\.\. ' && exit 1
    plainly || exit 1
    [ ! -e "$work/trace.untold" ] && [ "$(wc -c < "$work/agreed")" -lt 16000000 ] || exit 1
    { for list in $lists; do printf '%s\0\0' "$list"; done; printf 'agreed\0'; cat "$work/agreed"; printf '\0'; } > "$GIT_DIR/lists" &&
        printf '%s %s\n' "$lies_at" "$tree" > "$GIT_DIR/short"
) > /dev/null 2>&1

all_anew= look=usual
if usual; then
    read -r head tree < "$parcel.git/usual/short" && history=whole start_tree=$tree_before
else
    look=1
    looks
fi
at() {
    GIT_DIR=$parcel.git/$look work=$parcel.git/$look/tmp
    GIT_INDEX_FILE=$GIT_DIR/index GIT_TRACE2=$work/trace
}
at

# All that the forge does not have, where nobody has committed: what the look wrote.
loose() {
    [ "$look" = usual ] && [ "$head" = "$start" ] && [ -z "$(find .git/objects "$GIT_DIR/objects/pack" -type f ! -path .git/objects/info/alternates)" ] &&
        find "$GIT_DIR/objects" -type f ! -name alternates | sed 's|.*/\(..\)/\([0-9a-f]*\)$|\1\2|' > "$work/loose" && [ -s "$work/loose" ] &&
        git pack-objects -q --stdout < "$work/loose" > "$parcel.pack" 2> "$work/said"
}
# The pack: everything that the forge does not have.
packed() {
    { printf '%s\n' "$@" "^$start" "^$start_tree" ${base:+"^$base"}; } |
        git pack-objects -q --revs --stdout > "$parcel.pack" 2> "$work/said"
}
if [ "$head" != "$start" ] || [ "$tree" != "$start_tree" ]; then
    if ! loose && ! packed "$head" "$tree" && ! packed "$head" "$tree"; then
        # A history with a hole in it is none; the tree alone may be whole.
        { [ -e "$work/trace.untold" ] || grep -Eq 'No space left|Disk quota' "$work/said"; } && trouble 'the pack cannot be written'
        if ! packed "$tree" && ! packed "$tree"; then
            all_anew=anew look=1
            looks
            at
            packed "$tree" || trouble 'the pack cannot be written'
        fi
        head=$start history=none
    fi
fi
{
    printf 'orch-parcel 1\0head\0%s\0tree\0%s\0history\0%s\0' "$head" "$tree" "$history"
    cat "$parcel.git/$look/lists"
    printf 'end\0'
} > "$parcel.unfinished" && mv "$parcel.unfinished" "$parcel.facts" || trouble 'the facts cannot be written'
exit 0
