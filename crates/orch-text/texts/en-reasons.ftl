# What people read of reasons, in English: one message for each code of the rules, named after it. `$id` is the task that
# it is about, `$repository` its repository, `$branch` its branch.

unknown-reason = { $reason }
the-base-branch = the base branch

reason-quoted = { $words }

## Answers

reason-all-of = { $reasons }
reason-refused = { $id }: { $reason }
reason-not-started = the entry check failed: { $reasons }
    .help = say it in other words: orch edit { $id } --title "…" --description "…", then orch start { $id }
reason-part-of-a-cycle = it is part of a { $reason }

## Starting

reason-entry-check-failed = entry check failed: { $reasons }
    .help = say it in other words: orch edit { $id } --title "…" --description "…", then orch start { $id }
reason-title-empty = the title is empty; write at least { $min ->
        [one] { $min } character
       *[other] { $min } characters
    }
reason-title-short = the title has { $length ->
        [one] { $length } character
       *[other] { $length } characters
    }; write at least { $min }
reason-title-long = the title has { $length ->
        [one] { $length } character
       *[other] { $length } characters
    }; shorten it to at most { $max }
reason-description-empty = the description is empty; write at least { $min ->
        [one] { $min } character
       *[other] { $min } characters
    }
reason-description-short = the description has { $length ->
        [one] { $length } character
       *[other] { $length } characters
    }; write at least { $min }
reason-created-and-started = created and started
reason-created-in-backlog = created in the backlog
reason-created-unlisted = created in the backlog: [intake] authors names { $names } and not its author
reason-created-with-variant = { $reason }; its line is the variant { $variant }

## Red, and held

reason-escalated = a person has to look: { $reason }
reason-after-retries = { $reason } (after { $retries ->
        [one] { $retries } retry
       *[other] { $retries } retries
    })
reason-after-no-progress = { $reason } ({ $stalled })
reason-findings-unresolved = { $reworks ->
        [one] { $reworks } rework
       *[other] { $reworks } reworks
    } resolved none of the blocking findings: { $findings }
reason-same-failure = { $reworks ->
        [one] { $reworks } rework
       *[other] { $reworks } reworks
    } did not change how { $stage } fails
reason-sent-back = { $from } is red: { $reason } → { $to }
reason-retries-used-up = the cap of { $cap ->
        [one] { $cap } retry
       *[other] { $cap } retries
    } is reached
reason-person-has-to-look = { $reason }: a person has to look
reason-stuck = stuck: { $reason }
reason-dependency-cycle = dependency cycle: { $through }
    .help = take an edge away: orch depend { $last } --on { $first } --remove
reason-gate-red = { $gate }: { $why }
reason-gate-unknown = { $gate }: not known: { $why }

## Runs

reason-quarantined = attempt { $attempt } left processes that cannot be proved dead
    .help = end them on its host, then: orch retry { $id }
reason-runs-lost = { $count ->
        [one] { $count } run was lost
       *[other] { $count } runs in a row were lost
    }, attempt { $attempt } last
    .help = look at the host (memory, disk), then: orch retry { $id }
reason-run-over-budget = attempt { $attempt }: { $why }
    .help = raise that setting, or make the task smaller, then: orch retry { $id }
reason-never-starts = attempt { $attempt } could not be started: { $why }
    .help = mend that, then: orch retry { $id }
reason-agent-failed = the { $role } failed: { $why } (attempt { $attempt })
reason-agent-timed-out = the { $role } ran into its deadline (attempt { $attempt })
reason-agent-stalled = the { $role } went silent and was ended (attempt { $attempt })
reason-agent-not-started = the { $role } could not be started: { $why } (attempt { $attempt })
reason-run-excused = attempt { $attempt } counts as no retry

## The branch and the line

reason-conflict = conflict with { $main } at { $onto }
reason-combined-tests-fail = the tests fail on { $main } at { $onto } combined with this change
reason-combined-settings-unusable = settings cannot be used on { $main } at { $onto } combined with this change
reason-landing-refused = { $by } does not let { $main } be moved to the candidate: { $why }
    .help = let the account that Orchestrion pushes with move { $main } there, then: orch retry { $id }
reason-candidate-untested = the candidate could not be tested: { $why }
reason-push-unseen = somebody pushed to the branch, and it could not be looked at
    .help = look at it again: orch retry { $id }
reason-push-rewrote = { $by } rewrote the branch { $branch }: { $tip } does not contain { $head }
    .help = put that back (git push --force orch { $head }:refs/heads/{ $branch }, then orch retry { $id }), or keep the new one (orch hands-off { $id }, then orch give-back { $id })

reason-found-by-the-sweep = nobody had been woken for this; the sweep found it ({ $rules })

## What is out: `$out` says that in words

reason-outage = { $out }: { $why }
reason-outage-begins = { $out }: { $why }; nothing that needs it starts, one run tries again in { $minutes } min
    .help = lift it: { $lift }
reason-outage-goes-on = still so: { $out }: { $why }; one run tries again in { $minutes } min
reason-outage-tried = goes first to see whether it is still so: { $out }
reason-outage-over = no longer so: { $out }
reason-outage-lifted = lifted by hand: { $out }

## What people are told

reason-asks-approval = { $task } "{ $title }" waits for an approval
reason-asks-questions = { $task } "{ $title }" has questions: { $questions }
reason-asks-confirmation = { $task } "{ $title }" may be deployed once that is confirmed
reason-asks-protected = { $task } "{ $title }" changes protected paths and needs your permission: { $paths }
reason-asks-budget = { $task } "{ $title }" has used up its budget
reason-task-done = { $task } "{ $title }" is done
reason-task-stopped = { $task } "{ $title }" was stopped
reason-not-taken-back = it is to be stopped, and its change { $commit } on { $main } could not be taken back: { $why }
    .help = revert it on { $main } yourself, then: orch retry { $id }
reason-not-taken-back-for-good = it is to be stopped, and what its change { $commit } on { $main } did where it was deployed cannot be taken back
    .help = decide what becomes of it; to take it off { $main } all the same: orch retry { $id }
reason-not-taken-back-unknown = it is to be stopped, and which commit on { $main } has its change is not known
    .help = take it back on { $main } yourself, then: orch retry { $id }
reason-repository-frozen = { $name } is frozen: { $why }
reason-repository-freeze-mended = { $name } can be unfrozen: what it was frozen for is mended ({ $why })
reason-repository-unfrozen = { $name } takes tasks again
reason-main-red = { $main } is red at { $commit }: { $why }; nothing is taken back by itself
reason-deployment-failed = it did not run on { $target }: { $why }
reason-asks-deployment = { $task } "{ $title }" may be deployed to { $target } once that is confirmed
reason-asks-irreversible = what { $task } "{ $title }" does on { $target } cannot be taken back; it may be deployed once that is confirmed
reason-deployment-red = { $name } does not run on { $target }: { $why }
reason-deployment-not-begun = { $name } could not be deployed to { $target }, which is the machine's trouble: { $why }
reason-deployment-unknown = nobody knows what became of { $name } on { $target }: { $why }
    .help = look at what runs there, then: orch deploy verify { $target }
reason-target-drifted = { $target } runs { $revision }, which was not brought by Orchestrion; nothing is deployed there now
    .help = take it for what is wanted: orch deploy adopt { $target }, or bring yours: orch deploy redeploy { $target }
