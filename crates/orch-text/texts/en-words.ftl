# Spellings that programs read, as people read them: words that stand alone or before a colon.

## Gates

gate-check-document-written = its document
gate-check-no-questions = questions for people
gate-check-decision-record = the decision record
gate-check-write-scope = what its role may change
gate-check-code-changed = the change
gate-check-settings = the settings of the repository
gate-check-ci-green = the tests
gate-check-protected-paths = protected paths
gate-check-reviewer-verdict = the review
gate-check-tests-passed = the test report
gate-check-branch-mergeable = the candidate
gate-check-staging-status = staging
gate-check-staging-image-fresh = the image on staging
gate-check-deploy-status = the deployment

## Work

work-inbox = what came in
work-intake = taking in an issue
work-decide-task = a decision about the task
work-decide-lane = a decision about the lines
work-run-agent = the run of an agent
work-stop-run = ending a run
work-run-check = a run of the tests
work-await-ci = what the forge's CI says
work-build-candidate = making the candidate
work-build-revert = making the revert
work-land = landing
work-deploy = a deployment
work-publish-branch = publishing the branch
work-observe-branch = looking at the branch
work-clean-up = clearing up
work-wake-waiters = waking those who wait

state-queued = waits for its turn
state-running = under way
state-failed = given up
state-done = done
state-cancelled = called off

## Places in a line

place-queued = waits for its turn
place-admitted = let in
place-building-the-candidate = making its candidate
place-testing-the-candidate = testing its candidate
place-tested-waiting-for-validation = tested, waits to be confirmed
place-ready-to-land = ready to land
place-landing = lands now
place-landed = landed
place-deploying = is deployed now
place-being-mended = does not run, and is being mended
place-sent-back = sent back
place-not-known-to-this-release = not known to this release

## Attempts and tests

end-running = at work
end-completed = completed
end-failed = failed
end-timed-out = timed out
end-stalled = went silent
end-stopped = stopped
end-lost = lost
end-quarantined = may still be at work
end-spawn-failed = could not start
end-unavailable = not served
end-over-budget = out of money

test-running = running
test-passed = green
test-failed = red
test-unknown = not known
