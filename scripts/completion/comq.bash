# bash completion of comq's programs, which know their options, keys and values themselves:
# PROGRAM --complete WORD PREVIOUS prints what WORD may become.

_comq_files() {
    local file
    while IFS= read -r file; do
        if [[ -d $file ]]; then file+=/; fi
        printf '%q\n' "$file"
    done < <(compgen -f -- "$1")
}

_comq() {
    # Words as the program gets them: bash itself also breaks them at '=' and ':'.
    local line=${COMP_LINE:0:COMP_POINT}
    local word=${line##*[[:space:]]}
    local before=${line%"$word"}
    before=${before%"${before##*[![:space:]]}"}
    local previous=${before##*[[:space:]]}

    local candidates=() candidate
    mapfile -t candidates < <("${COMP_WORDS[0]}" --complete "$word" "$previous" 2>/dev/null)
    if ((${#candidates[@]} == 0)) || [[ $word != *=* && $word != -* && $previous != -* ]]; then
        local path=${word##*=}
        while IFS= read -r candidate; do
            candidates+=("${word%"$path"}$candidate")
        done < <(_comq_files "$path")
    fi

    # What bash replaces begins behind the last break.
    local kept=
    if [[ $COMP_WORDBREAKS == *=* && $word == *=* ]]; then kept=${word%"${word##*=}"}; fi
    COMPREPLY=()
    while IFS= read -r candidate; do
        if [[ -n $candidate ]]; then COMPREPLY+=("${candidate#"$kept"}"); fi
    done < <(printf '%s\n' "${candidates[@]}" | sort -u)
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[=/] ]]; then
        compopt -o nospace 2>/dev/null || true  # no completion is under way in a test
    fi
}

complete -F _comq run_experiment run_sweep sweep_status make_tables inspect_results \
    check_results compare_results make_report export_model train_demo
