# What people read of what was asked for and what happened, in English; see `en-reasons.ftl`.

## Answers to commands

reason-nothing-said = recorded
reason-now-started = started
reason-runs-again = { $stage } runs again
reason-now-stopping = stopping
reason-now-stopped = stopped
reason-fresh-attempts = fresh attempts
reason-branch-looked-at-again = the branch is looked at again
reason-collected-again = what attempt { $attempt } left is collected again
reason-now-paused = paused: what runs goes on, nothing new starts
reason-goes-on = goes on
reason-now-waits = waits for it
reason-now-waits-no-longer = does not wait for it any longer
reason-now-approved = approved
reason-now-confirmed = confirmed
reason-now-rejected = rejected; the agent gets your reason
reason-now-answered = answered; { $stage } runs again with your words
reason-title-changed = title changed
reason-now-described = description changed
reason-described-and-back = description changed: { $stage } runs again, and its approval is asked again
reason-says-that-already = it says that already
reason-now-sent-back = back at { $stage }, with fresh attempts; it gets your reason
reason-now-skipped = { $stage } is skipped → { $next }
reason-comment-kept = kept; the next agent is told
reason-issue-read = its texts are those of its issue at the tracker now
reason-issue-gone = the issue of { $task } is not at its tracker any more: deleted, or archived; { $task } is paused until somebody says what is meant
reason-agent-began = { $role ->
        [analyst] The analyst
        [architect] The architect
        [developer] The developer
        [reviewer] The reviewer
        [tester] The tester
        [deployer] The deployer
       *[other] { $role }
    } began
reason-agent-done = { $role ->
        [analyst] Analyst
        [architect] Architect
        [developer] Developer
        [reviewer] Reviewer
        [tester] Tester
        [deployer] Deployer
       *[other] { $role }
    } done
reason-set-again = { $task } “{ $title }”: nobody can tell whether the status was set after the question or before it. Please set it again.
reason-webhook-silent = no webhook of the tracker { $tracker } told of the last things that people did there: its server may have switched it off. Changes are found by asking until it works again
reason-now-in-hands = in your hands: git fetch orch && git switch { $branch }; commit, git push orch { $branch }
    .help = then: orch give-back { $id }
reason-in-hands-already = it is in your hands already
reason-looked-at-already = it is being looked at already
reason-now-given-back = given back: the branch is looked at, and the line goes on from what is there
reason-budget-raised = { $scope ->
        [task] the budget of this task
        [repository_day] today's budget of this repository
        [day] today's budget of this host
       *[other] its budget
    } is raised by { $amount }
reason-now-frozen = frozen: nothing enters and nothing lands
reason-freeze-lifted = the freeze is lifted

## Refusals

reason-ended-already = it is { $position }; nothing moves it any more
reason-author-not-listed = somebody wrote it whose issues do not start, and you may not start it: { $reason }
reason-started-already = it is started already
    .help = see what it waits for: orch show { $id }
reason-stop-switched-off = stopping is switched off on this host (switches.stop)
reason-too-late = too late: it is { $position }
reason-stopping-already = it is being stopped already
reason-nothing-holds-it = nothing holds it
    .help = see what it waits for: orch show { $id }
reason-paused-already = it is paused already
reason-not-paused = it is not paused
reason-waits-for-itself = a task cannot wait for itself
reason-closes-a-circle = { $through } would wait for each other in a circle, and none could ever start
    .help = take another edge away first: orch depend { $last } --on { $id } --remove
reason-branch-in-hands = a person has its branch
    .help = first: orch give-back { $id }
reason-being-stopped = it is being stopped
reason-landed-already = it is on { $main } already, as { $commit }; open a new task
reason-it-lands = it is landing; ask again when that has ended
reason-it-deploys = its deploy runs; ask again when that has ended
reason-in-the-landing-line = it stands in the line to land
    .help = send it back first: orch send-back { $id } STAGE
reason-not-answered = not answered: { $reason }
reason-not-skipped = not skipped: { $reason }
reason-status-stood-before = that status has stood since before this was asked; set it anew to answer
reason-no-answer-to-that = that is no answer to what is asked
    .help = see it: orch show { $id }
reason-answered-already = that was answered already
    .help = see what is asked now: orch show { $id }
reason-not-asked-any-more = that is not asked any more: the task moved on, or it is asked anew
    .help = see it: orch show { $id }
reason-no-approval-asked = nothing waits for approval
    .help = see what it waits for: orch show { $id }
reason-nothing-to-reject = nothing waits for approval, so there is nothing to reject
    .help = cancel the task: orch stop { $id }
reason-no-confirmation-asked = nothing waits for Confirm Deploy
reason-no-questions-asked = nobody asks anything
    .help = keep words for the next agent: orch comment { $id } "…"
reason-not-in-a-stage = it has not entered its first stage yet
reason-first-stage = { $stage } is the first stage; there is none before it
reason-stage-not-before = { $to } is not before { $here }; before it are { $earlier }
reason-no-such-stage = there is no stage { $to }; before { $here } are { $earlier }
reason-no-stage-to-skip = it is in no stage yet, so there is none to skip
reason-never-skipped-build = { $stage } cannot be skipped: it makes the change
    .help = to make it yourself: orch hands-off { $id }
reason-never-skipped-landing = { $stage } cannot be skipped: it tests and lands the candidate: nobody's word replaces that
reason-never-skipped-deploy = { $stage } cannot be skipped: it is production: nobody's word replaces a deploy
reason-never-skipped-last = { $stage } cannot be skipped: it is the last stage
reason-never-skipped-unmade = { $stage } cannot be skipped: there is nothing to land yet
reason-protected-first = it changes protected paths
    .help = grant or reject that first: orch approve { $id }, or: orch reject { $id } --reason "…"
reason-no-branch-yet = it is in no stage yet, so there is no branch
    .help = hold it: orch pause { $id }
reason-no-commit-yet = nothing has been committed yet, so there is no branch
    .help = hold it: orch pause { $id }
reason-not-in-hands = nobody has taken it
    .help = take it: orch hands-off { $id }
reason-agent-still-works = its agent has not ended yet; give it back in a moment
reason-nothing-added = nothing would be added; say how much, in US dollars
reason-no-budget-asked = no budget keeps it waiting
    .help = see what it waits for: orch show { $id }
reason-frozen-already = it is frozen already: { $why }
reason-not-frozen = it is not frozen
reason-cause-stands = what it is frozen for stands until one of these has landed what mends it: { $names }
    .help = name a task that mends it: orch freeze --reason "…" --fix ID, or lift it all the same: orch unfreeze --force --reason "…"
reason-landing-unknown = this release does not know how far its landing is: { $state }
reason-left-alone = this release does not know its { $parts }; a newer one wrote that
    .help = install it again, or call the task off: orch stop { $id }
reason-list-names-others = { $list } in .orch/orch.toml names { $names } and not { $who }
reason-list-names-other-people = { $list } in .orch/orch.toml names { $names }, and { $who } is { $person }
reason-nobody-knows-as-one = { $list } in .orch/orch.toml names { $names }, and nobody knows that { $who } is one of them
    .help = an admin says so: orch people link PERSON { $actor }
reason-nobody-knows = nobody knows who { $who } is
    .help = an admin says so: orch people link PERSON { $actor }
reason-own-account = { $who } is an account of this service; nothing that it says is a command
reason-not-a-commander = { $who } is nobody whose word is a command
reason-viewer = { $person } may look and not command
    .help = an admin changes that: orch people role { $person } member

## History

reason-starts = starts the line
reason-enters = enters { $stage }
reason-may-enter = may enter
reason-run-starts = { $role } starts on { $stage } (attempt { $attempt })
reason-run-is-over = { $role }'s run on { $stage } is over; what it left is collected: { $why }
reason-run-ended = { $role } ended on { $stage }: { $reason }
reason-run-ended-late = attempt { $attempt } ended after its time: nothing changes
reason-left = { $commits ->
        [one] { $commits } commit
       *[other] { $commits } commits
    }, { $documents ->
        [one] { $documents } document
       *[other] { $documents } documents
    }
reason-left-nothing-new = nothing new
reason-left-nothing-of-its-own = nothing of its own
reason-left-nothing-to-take = nothing that can be taken
reason-no-evidence = no evidence
reason-not-brought-home = what it left could not be brought home, which is no fault of its: { $why }
reason-found-besides = attempt { $attempt } left drafts in the backlog: { $what }
reason-left-out = left out of attempt { $attempt }: { $what }
reason-not-taken = not to be taken of attempt { $attempt }: { $what }
reason-deadline-passed = deadline passed
reason-went-silent = went silent
reason-run-stopped = stopped
reason-run-lost = lost; its processes are proved dead
reason-session-lost = did nothing: the session it was to go on with is gone; the next run begins anew
reason-run-lost-alive = lost; its processes cannot be proved dead
reason-stage-green = { $stage } is green → { $next }
reason-delivered = delivered
reason-stop-asked = stop asked for
reason-stop-too-late = the stop came too late
reason-cancelled = cancelled, as a person asked
reason-cancelled-unknown = cancelled; this release does not know its { $parts }
reason-paused = paused
reason-frozen = frozen: { $why }
reason-priority = priority { $number }
reason-waits-for = waits for { $task }
reason-waits-no-longer = no longer waits for { $task }
reason-cycle-open = the dependency cycle is open again
reason-dependency-cancelled = { $task }, which it waits for, was cancelled: it goes on without what that was to bring
reason-ready-for-approval = ready: approve it, or reject it with a reason
reason-approved = approved, the branch being at { $about }
reason-confirmed = confirmed the candidate { $about }
reason-rejected = rejected: { $why }
reason-answered = answered the questions; { $stage } runs again
reason-asks = asks { $count ->
        [one] { $count } question
       *[other] { $count } questions
    }
reason-asked-again = nobody answered for { $hours ->
        [one] { $hours } hour
       *[other] { $hours } hours
    }: asked again
reason-protected-touched = protected paths are touched: { $paths }
reason-protected-refused = refused the change to protected paths: { $why }
reason-budget-too-small = { $scope ->
        [task] the budget of this task
        [repository_day] today's budget of this repository
        [day] today's budget of this host
       *[other] its budget
    } does not cover another run
reason-title-was = the title was: { $title }
reason-description-changed = changed the description
reason-sent-back-by-hand = { $from } → { $to }: { $why }
reason-skipped = skipped { $stage }: { $why }
reason-review-leads-back = asks for changes on the forge → { $stage }
reason-reviewed = { $word ->
        [approved] approved
       *[changes_requested] asks for changes
    } on the forge: no pipeline action
reason-reviewed-older = { $word ->
        [approved] approved
       *[changes_requested] asks for changes
    } on the forge, about the older { $commit }: nothing changes
reason-takes-branch = takes the branch { $branch }
reason-gives-back = gives it back
reason-line-goes-on = the line goes on
reason-branch-not-moved = the branch could not be moved: { $why }
reason-branch-removed = the branch was removed; it is published again
reason-pushed = pushed { $head } ({ $commits ->
        [one] { $commits } commit
       *[other] { $commits } commits
    })
reason-pushed-anew = rewrote the branch, pushed { $head } ({ $commits ->
        [one] { $commits } commit
       *[other] { $commits } commits
    })
reason-pushed-meanwhile = pushed meanwhile; the attempt's commits were put on top: { $head } ({ $commits ->
        [one] { $commits } commit
       *[other] { $commits } commits
    })
reason-push-conflicts = pushed { $head } while an attempt worked; both changed the same lines
reason-tests-pass = tests pass on { $commit }
reason-tests-fail = tests fail on { $commit }: { $why }
reason-tests-not-run = tests could not run on { $commit }: { $why }
reason-check-ended-late = check { $check } ended after its time: nothing changes
reason-effect-failed = { $effect } failed: { $why }
reason-effect-failed-for-good = { $effect } failed for good: { $why }
reason-merged-by-hand = merged by hand as { $commit }
reason-merged-deploying = merged as { $commit }; only the deploy verdict completes it
reason-asks-to-land = asks to land
reason-candidate-begun = its turn: the candidate is made
reason-candidate-anew = { $base } moved: the candidate is made anew
reason-candidate-conflicts = conflicts with { $base } at { $main }: { $paths }
reason-candidate-settings = combined with { $base } at { $main }, settings cannot be used: { $faults }
reason-contained-already = { $base } at { $main } contains it already
reason-candidate-is-tested = candidate { $commit } is tested
reason-candidate-passes = candidate { $commit } passes its tests
reason-candidate-fails = candidate { $commit } fails its tests: { $why }
reason-candidate-not-tested = candidate { $commit } could not be tested: { $why }
reason-candidate-green = candidate { $commit } is green
reason-candidate-may-land = candidate { $commit } may land
reason-waits-for-confirmation = candidate { $commit } waits for Confirm Deploy
reason-lands = lands { $commit }
reason-main-is = { $base } is { $commit }
reason-main-moved = { $base } moved to { $main } meanwhile
reason-candidate-refused = { $by } does not take { $commit }: { $why }
reason-landed = landed as { $commit }
reason-came-late = { $what } came after its time: nothing changes
reason-repository-mended = it can be worked in again
reason-repository-trouble = it cannot be worked in: { $why }
reason-no-longer-so = no longer so: { $what }
reason-presumed-dead = attempt { $attempt } ran on host { $host }, which was not heard of for too long: it is presumed dead, and whatever it still does counts for nothing
reason-heard-of-again = host { $host } is back: attempt { $attempt }, which was presumed dead, has ended there; what it cost is booked
reason-tests-flaky = tests pass on { $commit } at the second try; the first was red ({ $first }): the tests are flaky
reason-tests-fail-twice = tests fail on { $commit }, twice: { $why }
reason-candidate-flaky = candidate { $commit } passes its tests at the second try; the first was red ({ $first }): the tests are flaky
reason-candidate-fails-twice = candidate { $commit } fails its tests, twice: { $why }
reason-no-test-holds-it = no test is what holds it
    .help = see what does: orch show { $id }
reason-agent-works-already = an agent works on it already; its work is tested when it ends
reason-tests-run-already = its tests are running
    .help = watch them: orch logs { $id } --check
reason-no-work-to-test = no work of this stage is there that could be tested again
    .help = have it made anew: orch retry { $id }
reason-tests-once-more = the tests of { $commit } once more
reason-tests-run-again = its tests are run again
reason-red-excused = the red before was no fault of the work
reason-tests-green-already = its tests are green; there is nothing to repeat
reason-nothing-tested-yet = nothing of it was tested yet
    .help = see what it waits for: orch show { $id }
reason-more-than-tests-open = more than red tests is open
    .help = have it mended: orch retry { $id }
reason-candidate-once-more = its candidate is made and tested once more
reason-candidate-made-again = its candidate is made and tested again
reason-run-lost-with = lost with host { $host }; presumed dead, nothing is proved
reason-passes-freeze = may enter and land although it is frozen: { $names }
reason-freeze-forced = the freeze is lifted, though nothing has mended what it was for: { $why }
reason-runs-now = { $commit } runs now, and with that what the freeze is for is mended; people lift it
reason-freeze-mended = { $name } has landed as { $commit }, and with that what the freeze is for is mended; people lift it
reason-takes-back = its change { $commit } is taken back before it is stopped
reason-taken-back = its change is taken back with { $commit }
reason-deployment-queued = { $commit } is in line for { $target }
reason-deployment-is = its deployment on { $target } is { $state }: { $why }
reason-mending-given-up = it is not mended any more, and is taken back
