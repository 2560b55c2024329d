# SPDX-License-Identifier: MIT
# fish completion for oc-ctl; what there is, the program is asked itself

function __oc_ctl_verb
    # The verb that has been given, or nothing.
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and continue
        echo $word
        return
    end
end

function __oc_ctl_has_verb
    set -l verb (__oc_ctl_verb)
    test -n "$verb"
end

function __oc_ctl_verbs
    for line in (oc-ctl --verbs 2>/dev/null)
        set -l fields (string split \t -- $line)
        test -z "$fields[2]"; and printf '%s\t%s\n' $fields[1] $fields[4]
    end
end

function __oc_ctl_options
    set -l verb (__oc_ctl_verb)
    for line in (oc-ctl --verbs 2>/dev/null)
        set -l fields (string split \t -- $line)
        test "$fields[1]" = "$verb"; and test -n "$fields[2]"; and printf '%s\t%s\n' $fields[2] $fields[4]
    end
end

function __oc_ctl_sessions
    # Where the verb takes any.
    set -l verb (__oc_ctl_verb)
    for line in (oc-ctl --verbs 2>/dev/null)
        set -l fields (string split \t -- $line)
        test "$fields[1]" = "$verb"; and test -z "$fields[2]"; and test -z "$fields[3]"; and return
    end
    for line in (oc-ctl --sessions 2>/dev/null)
        set -l fields (string split \t -- $line)
        printf '%s\t%s in %s\n' $fields[1] $fields[3] $fields[4]
        test -n "$fields[2]"; and printf '%s\t%s in %s\n' $fields[2] $fields[3] $fields[4]
    end
end

complete -c oc-ctl -f
complete -c oc-ctl -n 'not __oc_ctl_has_verb' -a '(__oc_ctl_verbs)'
complete -c oc-ctl -n 'not __oc_ctl_has_verb' -l version -d 'Print the version'
complete -c oc-ctl -s h -l help -d 'Print the help'
complete -c oc-ctl -n __oc_ctl_has_verb -a '(__oc_ctl_options)'
complete -c oc-ctl -n __oc_ctl_has_verb -a '(__oc_ctl_sessions)'
