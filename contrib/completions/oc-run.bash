# SPDX-License-Identifier: MIT
# bash completion for oc-run

_oc_run_command_at()
{
	# The index of the command word, or nothing while options are still being given.
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			echo $((i + 1))
			return
			;;
		=)
			((i++))
			;;
		-m | -p | -n | -C | -E | --mem | --high | --swap | --pids | --cpus | --cpu-weight | \
			--io-weight | --high-steps | --livelock-guard | --pressure | \
			--name | --user | --chdir | --setenv | --profile | --slice | --backend | --enforce | --oom | --escape | --guard | --guard-writes | --grace | \
			--restart | --restart-min-age | --max-sessions | --report | --notify | --history | --history-keep | --json-status-fd)
			# Bash splits --option=value at the =.
			[[ ${COMP_WORDS[i + 1]} == '=' ]] || ((i++))
			;;
		-*) ;;
		*)
			echo "$i"
			return
			;;
		esac
	done
}

_oc_run_profiles()
{
	# The shipped ones, and those that have a file.
	local file
	printf '%s\n' default opencode opencode2 claude codex gemini goose
	for file in "${XDG_CONFIG_HOME:-$HOME/.config}"/oc-run/profiles/*.conf /etc/oc-run/profiles/*.conf; do
		[[ -e $file ]] || continue
		file=${file##*/}
		printf '%s\n' "${file%.conf}"
	done
}

_oc_run()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} at
	COMPREPLY=()

	at=$(_oc_run_command_at)
	if [[ $at ]]; then
		if ((at < COMP_CWORD)) && declare -F _command_offset >/dev/null; then
			_command_offset "$at"
		elif ((at < COMP_CWORD)); then
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
		else
			mapfile -t COMPREPLY < <(compgen -c -- "$current")
		fi
		return
	fi

	if [[ $current == '=' ]]; then
		current=''
	elif [[ $previous == '=' ]]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $previous in
	--backend)
		mapfile -t COMPREPLY < <(compgen -W 'auto systemd cgroupfs none' -- "$current")
		return
		;;
	--enforce)
		mapfile -t COMPREPLY < <(compgen -W 'auto kernel' -- "$current")
		return
		;;
	--guard)
		mapfile -t COMPREPLY < <(compgen -W 'off basic strict' -- "$current")
		return
		;;
	--guard-writes)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	--escape)
		mapfile -t COMPREPLY < <(compgen -W 'recapture report kill' -- "$current")
		return
		;;
	--oom)
		mapfile -t COMPREPLY < <(compgen -W 'tool agent group' -- "$current")
		return
		;;
	--livelock-guard)
		mapfile -t COMPREPLY < <(compgen -W 'yes no' -- "$current")
		return
		;;
	--notify)
		mapfile -t COMPREPLY < <(compgen -W 'auto off desktop tmux desktop,tmux' -- "$current")
		return
		;;
	--pressure)
		mapfile -t COMPREPLY < <(compgen -W 'notice notice,tool notice,tool,agent none' -- "$current")
		return
		;;
	--restart)
		mapfile -t COMPREPLY < <(compgen -W 'no on-oom on-pressure' -- "$current")
		return
		;;
	--history)
		mapfile -t COMPREPLY < <(compgen -W 'yes no' -- "$current")
		return
		;;
	--user)
		mapfile -t COMPREPLY < <(compgen -u -- "$current")
		return
		;;
	-C | --chdir)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	--report)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	-m | --mem | --high | --swap)
		mapfile -t COMPREPLY < <(compgen -W '1G 2G 4G 6G 8G 12G 16G 25% 50% max' -- "$current")
		return
		;;
	-E | --setenv)
		mapfile -t COMPREPLY < <(compgen -e -S = -- "$current")
		compopt -o nospace 2>/dev/null
		return
		;;
	--profile)
		mapfile -t COMPREPLY < <(compgen -W "$(_oc_run_profiles)" -- "$current")
		return
		;;
	-p | -n | --pids | --cpus | --cpu-weight | --io-weight | --high-steps | --name | --slice | --grace | \
		--restart-min-age | --max-sessions | --history-keep | --json-status-fd)
		return
		;;
	esac

	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '-m --mem --high --swap -p --pids --cpus --cpu-weight
			--io-weight --high-steps --livelock-guard --pressure
			-n --name --user -C --chdir -E --setenv --profile --slice --backend --enforce --oom --escape --allow-relimit --guard --guard-writes --grace
			--restart --restart-min-age --detach --max-sessions --wait --report --notify --history --history-keep --json-status-fd --dry-run -q --quiet -v --verbose -h --help
			--version' -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$current")
	fi
}

complete -F _oc_run oc-run
