# SPDX-License-Identifier: MIT
# bash completion for oc-ctl; what there is, the program is asked itself

_oc_ctl()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local program=${COMP_WORDS[0]} verb='' word i lines
	COMPREPLY=()

	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* ]] || { verb=${COMP_WORDS[i]}; break; }
	done
	lines=$("$program" --verbs 2>/dev/null)
	if [[ ! $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(awk -F '\t' '!$2 { print $1 }' <<<"$lines")
			--help --version" -- "$current")
		return
	fi
	lines=$(awk -F '\t' -v verb="$verb" '$1 == verb' <<<"$lines")
	if [[ $previous == --* ]]; then
		word=$(awk -F '\t' -v option="$previous" '$2 == option { print $3 }' <<<"$lines")
		case $word in
		'') ;;
		FILE)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			return
			;;
		*) return ;;
		esac
	fi
	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(awk -F '\t' '$2 { print $2 }' <<<"$lines")
			--help" -- "$current")
	elif [[ $(awk -F '\t' '!$2 { print $3 }' <<<"$lines") ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$program" --sessions 2>/dev/null |
			awk -F '\t' '{ print $1; print $2 }')" -- "$current")
	fi
}

complete -F _oc_ctl oc-ctl
