# What people read, in English. A message is a sentence without a full stop; its attribute `help` names the commands
# that do something about it, and is left out where there are buttons.

## Lists

list-two = { $first } and { $last }

## Why a task waits

wait-backlog = nobody has started it
    .help = start it: orch start { $id }
wait-unlisted = { $author } wrote it, whose issues do not start by themselves here
    .help = read it, and if you are named under [intake] authors, start it: orch start { $id }
wait-entry = number { $place } in the line to start; starts by itself
wait-entry-behind = number { $place } in the line to start, behind { $behind } (one task at a time here); starts by itself
wait-frozen = { $repository } is frozen ({ $reason })
    .help = lift it: orch unfreeze --repo { $repository }
wait-dependency = goes on by itself when { $on } { $count ->
        [one] has
       *[other] have
    } ended
wait-agent = the agent works (attempt { $attempt })
    .help = watch it: orch logs { $id } -f
wait-collecting = what attempt { $attempt } left is being collected: { $why }
wait-check = the test command runs on { $commit }
wait-slot = every slot for { $what } is taken ({ $max }); starts by itself when one is free
wait-slot-runs = every slot for agents is taken ({ $max }); starts by itself when one is free
wait-budget = { $scope ->
        [task] the budget of this task
        [repository_day] today's budget of this repository
        [day] today's budget of this host
       *[other] the budget
    } does not cover another run
wait-repository = the repository { $name } cannot be worked in: { $reason } (goes on by itself when that is mended)
wait-repository-not-yet = not yet: { $reason }; starts by itself
wait-outage-probed = { $source } ({ $reason }); { $other } tries right now whether it is over
wait-outage = { $source } ({ $reason }); one run tries again
    .help = lift it: { $lift }
wait-outage-until = { $source } ({ $reason }); one run tries again at { $until }
    .help = lift it: { $lift }
wait-outage-named = { $source } ({ $reason }); the vendor serves again
    .help = lift it: { $lift }
wait-outage-named-until = { $source } ({ $reason }); the vendor serves again at { $until }
    .help = lift it: { $lift }
wait-lane = number { $place } in the line to land: { $doing }
wait-lane-behind = number { $place } in the line to land, behind { $behind }: { $doing }
wait-paused = paused
    .help = go on: orch resume { $id }
wait-paused-repository = { $repository } is paused
    .help = go on: orch resume --repo { $repository }
wait-branch = somebody pushed to { $branch }: it is being looked at
wait-hands = in { $by }'s hands, on the branch { $branch }
    .help = when it is pushed there: orch give-back { $id }
wait-held = { $reason }
    .help = try again: orch retry { $id }
wait-stopping = being stopped: the agent is asked to end
wait-unknown = left alone: this release does not know its { $parts }, which a newer one wrote; install that one again
    .help = or call it off: orch stop { $id }
wait-deploying = its deployment on { $target }: { $state }
    .help = orch deploy status
wait-deploying-why = its deployment on { $target }: { $state } ({ $why })
    .help = orch deploy status
wait-stop-after-step = being stopped, as soon as this step has ended: { $step }

## What is out

outage-credential = the credential { $name } is not served
outage-repository = the repository { $name } cannot be worked in
outage-agent = the agent { $name } cannot be started

## What a person is asked for

ask-approval = wants your approval
    .help = approve it: orch approve { $id }, or: orch reject { $id } --reason "…"
ask-questions = has questions for you (orch show { $id })
    .help = answer them: orch answer { $id } "…"
ask-protected-paths = changes protected paths (orch show { $id })
    .help = let exactly this change pass: orch approve { $id }, or send it back: orch reject { $id } --reason "…"
ask-budget = wants money
    .help = add some US dollars: orch budget { $id } --raise 5, or call it off: orch stop { $id }
ask-confirm-deploy = wants your word before production
    .help = give it: orch confirm { $id }, or call it off: orch stop { $id }
deployment-queued = waits for its turn
deployment-deploying = the hook runs
deployment-checking = it is looked at
deployment-rolling-back = the one before it is brought back
deployment-unknown = nobody knows what runs
deployment-healthy = runs and is healthy
deployment-failed = did not come up; the one before it was never away
deployment-rolled-back = did not come up; the one before it runs again
deployment-broken = nothing runs as it should
deployment-superseded = contained in what runs
deployment-cancelled = called off
