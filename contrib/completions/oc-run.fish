# SPDX-License-Identifier: MIT
# fish completion for oc-run

function __oc_run_no_command
    # True while options of oc-run itself are being given.
    set -l words (commandline -opc)
    set -e words[1]
    set -l skip 0
    for word in $words
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case --
                return 1
            case -m -p -n -C -E --mem --high --swap --pids --cpus --cpu-weight --io-weight --name \
                --high-steps --livelock-guard --pressure --user --chdir --setenv --profile --slice --backend --enforce --oom --escape \
                --guard --guard-writes --grace --restart --restart-min-age --max-sessions --report --notify --history --history-keep --json-status-fd
                set skip 1
            case '-*'
            case '*'
                return 1
        end
    end
    return 0
end

function __oc_run_profiles
    # The shipped ones, and those that have a file.
    printf '%s\n' default opencode opencode2 claude codex gemini goose
    set -l config $XDG_CONFIG_HOME
    test -n "$config"; or set config ~/.config
    for file in $config/oc-run/profiles/*.conf /etc/oc-run/profiles/*.conf
        basename $file .conf
    end
end

set -l sizes '1G 2G 4G 6G 8G 12G 16G 25% 50% max'

complete -c oc-run -n __oc_run_no_command -x -s m -l mem -a "$sizes" -d 'The most memory'
complete -c oc-run -n __oc_run_no_command -x -l high -a "$sizes" -d 'Where early reclaim begins'
complete -c oc-run -n __oc_run_no_command -x -l swap -a "$sizes" -d 'The most swap'
complete -c oc-run -n __oc_run_no_command -x -s p -l pids -d 'The most tasks, threads included'
complete -c oc-run -n __oc_run_no_command -x -l cpus -d 'The most CPU time, in CPUs'
complete -c oc-run -n __oc_run_no_command -x -l cpu-weight -d 'Share of the CPUs'
complete -c oc-run -n __oc_run_no_command -x -l io-weight -d 'Share of the disks'
complete -c oc-run -n __oc_run_no_command -x -s n -l name -d 'Name of the session'
complete -c oc-run -n __oc_run_no_command -x -l user -a '(__fish_complete_users)' -d 'As root: run as this user'
complete -c oc-run -n __oc_run_no_command -x -s C -l chdir -a '(__fish_complete_directories)' -d 'Run the command here'
complete -c oc-run -n __oc_run_no_command -x -s E -l setenv -d 'Set a variable for the command'
complete -c oc-run -n __oc_run_no_command -x -l profile -a '(__oc_run_profiles)' -d 'What is known of the command'
complete -c oc-run -n __oc_run_no_command -x -l slice -d 'Slice that all sessions share'
complete -c oc-run -n __oc_run_no_command -x -l backend -a 'auto systemd cgroupfs none' -d 'How the cgroup is made'
complete -c oc-run -n __oc_run_no_command -x -l enforce -a 'auto kernel' -d 'Who must enforce the limits'
complete -c oc-run -n __oc_run_no_command -x -l oom -a 'tool agent group' -d 'Who goes first when memory runs out'
complete -c oc-run -n __oc_run_no_command -x -l escape -a 'recapture report kill' -d 'A process that leaves the cgroup'
complete -c oc-run -n __oc_run_no_command -f -l allow-relimit -d 'Limits that somebody else changes stay so'
complete -c oc-run -n __oc_run_no_command -x -l guard -a 'off basic strict' -d 'What is refused beside the limits'
complete -c oc-run -n __oc_run_no_command -x -l guard-writes -a '(__fish_complete_directories)' -d 'With strict: write there as well'
complete -c oc-run -n __oc_run_no_command -x -l high-steps -d 'Where early reclaim begins, and goes'
complete -c oc-run -n __oc_run_no_command -x -l livelock-guard -a 'yes no' -d 'Lift --high when the session stands still'
complete -c oc-run -n __oc_run_no_command -x -l pressure -a 'notice notice,tool notice,tool,agent none' -d 'What to do before memory runs out'
complete -c oc-run -n __oc_run_no_command -x -l grace -d 'Time of each polite step of the end'
complete -c oc-run -n __oc_run_no_command -x -l restart -a 'no on-oom on-pressure' -d 'Start again with the same session'
complete -c oc-run -n __oc_run_no_command -x -l restart-min-age -d 'Not if it ran for less'
complete -c oc-run -n __oc_run_no_command -f -l detach -d 'Run in the background, outside of terminal and session'
complete -c oc-run -n __oc_run_no_command -x -l max-sessions -d 'Refuse to start while so many run'
complete -c oc-run -n __oc_run_no_command -f -l wait -d 'Wait until one of them ends'
complete -c oc-run -n __oc_run_no_command -r -F -l report -d 'Write the report as JSON'
complete -c oc-run -n __oc_run_no_command -x -l notify -a 'auto off desktop tmux desktop,tmux' -d 'How to tell you while it runs'
complete -c oc-run -n __oc_run_no_command -x -l history -a 'yes no' -d 'Keep a history of the session'
complete -c oc-run -n __oc_run_no_command -x -l history-keep -d 'Keep those of so many sessions'
complete -c oc-run -n __oc_run_no_command -x -l json-status-fd -d 'Write events to this descriptor'
complete -c oc-run -n __oc_run_no_command -f -l dry-run -d 'Print what would be done'
complete -c oc-run -n __oc_run_no_command -f -s q -l quiet -d 'Print errors only'
complete -c oc-run -n __oc_run_no_command -f -s v -l verbose -d 'Print a report also when nothing happened'
complete -c oc-run -n __oc_run_no_command -f -s h -l help -d 'Print the options'
complete -c oc-run -n __oc_run_no_command -f -l version -d 'Print the version'
complete -c oc-run -x -a '(__fish_complete_subcommand -m -p -n -C -E --mem --high --swap --pids --cpus --cpu-weight --io-weight --high-steps --livelock-guard --pressure --name --user --chdir --setenv --profile --slice --backend --enforce --oom --escape --guard --guard-writes --grace --restart --restart-min-age --max-sessions --report --notify --history --history-keep --json-status-fd)'
