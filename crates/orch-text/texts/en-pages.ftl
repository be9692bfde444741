# What stands on the pages, in English. Names are those of `p-NAME`; a page asks for NAME.

p-menu = Main
p-short-menu = Short menu
p-skip = Skip to content
p-new-task = New task
p-nav-inbox = Inbox
p-nav-board = Board
p-nav-lane = Lane
p-nav-happens = What happens
p-nav-runs = Runs
p-nav-queue = Queue
p-nav-costs = Costs
p-nav-deploys = Deploys
p-deploys-about = what runs where, right now
p-deploys-lately = Lately
p-deploys-what = What
p-deploys-when = When
p-deploys-how = How it went
p-deploys-took = Took
p-no-target = No repository of this host is deployed anywhere yet. A `[target.NAME]` in the host file does it (docs/deploy.md).
p-target-your-word = waits for your word
p-target-same = this runs
p-target-ahead = is ahead of what runs
p-target-healthy = healthy
p-target-silent = gives no healthy answer
p-target-blind = answers, and does not say which revision it is
p-target-other = something else answers
p-target-nothing = nothing was deployed there yet
p-target-elsewhere = nobody here knows: its settings are not on this host
p-target-drift = { $revision } runs there, and nobody here brought it. Nothing is deployed over it unasked.
p-target-verify = Settle it…
p-target-verify-about = What answers is looked at three times, and says how it goes on.
p-target-verify-now = Look what runs
p-target-runs = Or say which revision runs
p-target-adopt = Keep what runs…
p-target-adopt-about = It is taken for what is wanted, and what lands next is deployed over it.
p-target-adopt-now = Keep what runs on { $target }
p-target-redeploy = Deploy again…
p-target-redeploy-about = The tip of the base branch is deployed, whatever is held.
p-target-redeploy-now = Deploy it to { $target } now
p-target-rollback = Roll back…
p-target-rollback-about = Back to { $revision }. { $repository } is frozen then, until what stands on its base branch is mended.
p-target-was-healthy = It was last found healthy:
p-target-rollback-now = Roll { $target } back
p-costs-about = the last { $days } days, in days of UTC
p-costs-days = Days
p-costs-spent = Spent
p-costs-each = Each landed task
p-costs-landed = Landed
p-costs-silent = { $shown } { $count ->
        [one] run
       *[other] runs
    } did not say
p-costs-by-day = By day
p-costs-chart = What runs cost by day; the table says the same.
p-costs-table = As a table
p-costs-by-stage = By stage
p-costs-by-model = By model
p-costs-by-agent = By agent
p-costs-by-repository = By repository
p-costs-dearest = Dearest tasks
p-nav-runs-on = What it runs on
p-nav-reliability = Reliability
p-nav-repositories = Repositories
p-nav-settings = Settings
p-nav-people = People
p-nav-more = More
p-back = Back
p-as-of = as of
p-keys = Keys
p-colours = Colours
p-theme-auto = Auto
p-theme-light = Light
p-theme-dark = Dark
p-other-language = Русский
p-other-language-tag = ru
p-close = Close
p-units = s|min|h|d
p-ago = { $age } ago
p-live-words = live=Live|lost=Connection lost|gone=Connection lost { "{}" } ago. What you see may be old; buttons still work.|now=Try now|news={ "{}" } new or changed since you look.|show=Show
p-keys-about = A key moves you to a button; only Enter presses it.
p-key-rows = Next, previous row
p-key-open = Open
p-key-search = Search
p-key-pages = Inbox, board, lane
p-key-more-pages = Runs, queue, costs
p-key-tabs = Pages of a task
p-key-approve = To Approve
p-key-reject = To Reject
p-key-log = Log: follow, next match
p-key-copy = Copy the address
p-key-list = This list
p-unknown = unknown
p-cost-silent = { $silent } of { $runs } runs did not say
p-mark-ask = asks you
p-mark-stuck = stuck
p-mark-unknown = unknown
p-mark-run = at work
p-mark-wait = waits
p-mark-pause = paused
p-mark-idle = not there yet
p-mark-passed = passed
p-mark-failed = failed
p-mark-void = void
p-mark-called-off = called off
p-place = { $place ->
        [backlog] Backlog
        [entering] Waits to start
        [analysis] Analysis
        [architecture] Architecture
        [development] Development
        [review] Review
        [testing] Testing
        [landing] Landing
        [deploy-staging] Staging
        [deploy] Production
        [done] Done
        [cancelled] Called off
       *[other] { $name }
    }
p-role-analyst = analyst
p-role-architect = architect
p-role-developer = developer
p-role-reviewer = reviewer
p-role-tester = tester
p-role-deployer = deployer
p-why-approve = Your approval is asked: { $stage }
p-why-questions = The agent has questions
p-why-protected = Changes protected paths
p-why-budget = Wants money
p-why-deploy = Deploy to production?
p-why-agent = { $role } at work, attempt { $attempt }
p-why-some-agent = The agent works, attempt { $attempt }
p-why-done = Landed
p-why-called-off = Called off
p-why-decided-now = Is being decided
p-why-head = Why it waits
p-inbox-head = Waits for you
p-inbox-count = { $shown } { $count ->
        [one] decision
       *[other] decisions
    }
p-inbox-oldest = oldest since
p-inbox-empty = Nothing waits for you.
p-inbox-none = Open a task, and the line carries it to your base branch.
p-inbox-goes-on = { $shown } { $count ->
        [one] run is
       *[other] runs are
    } at work.
p-inbox-more = More that ask you
p-stuck-head = Stuck
p-stuck-about = nobody is asked, but nothing moves without you
p-right-now = Right now
p-out-until = again at
p-at-work = At work
p-at-work-count = { $shown } { $count ->
        [one] run
       *[other] runs
    }
p-nothing-runs = Nothing runs now.
p-landed-lately = Landed lately
p-nothing-landed = Nothing has landed yet.
p-board-open = { $shown } { $count ->
        [one] open
       *[other] open
    }
p-board-search = Title or id
p-board-why = Why it waits
p-board-line = The line
p-board-empty = There is no task yet.
p-board-nothing = Nothing matches “{ $words }”.
p-repository = Repository
p-all-repositories = All repositories
p-any-state = Any state
p-state-asks = Asks a person
p-state-stuck = Stuck
p-state-work = At work
p-state-waits = Waits by itself
p-state-rests = Paused or in hands
p-show = Show
p-show-next = Show the next 25
p-n-asks = { $shown } { $count ->
        [one] asks
       *[other] ask
    } you
p-n-stuck = { $shown } { $count ->
        [one] stuck
       *[other] stuck
    }
p-n-works = { $shown } at work
p-ask-approve = { $stage ->
        [analysis] Approve the requirements?
        [architecture] Approve the design?
       *[other] Approve: { $name }?
    }
p-ask-questions = { $shown } { $count ->
        [one] question
       *[other] questions
    }
p-ask-protected = Allow changes to protected paths?
p-ask-budget = Raise the budget?
p-ask-deploy = Deploy to production?
p-ask-deploy-to = Deploy to { $name }?
p-ask-deploy-for-good = Deploy to { $name }? That cannot be taken back.
p-revision = revision
p-by = by { $who }
p-approve = Approve
p-reject = Reject…
p-allow-change = Allow this change
p-send-back = Send back
p-send-back-more = Send back…
p-send-back-to = Send back: { $role }
p-what-different = What should be different?
p-your-answer = Your answer
p-send-answer = Send answer
p-answer-follows = The agent starts again with your words.
p-forecast = What follows cost { $usual } in the middle, { $least } to { $most }: so it was for { $tasks } tasks that landed here.
p-approve-follows = Then: { $stage }. Until it lands you can send it back.
p-protected-follows = Exactly this change passes, no other.
p-add-dollars = Add
p-add-money = Add money
p-deploy-this = Deploy…
p-deploy-follows = { $id } goes to production.
p-deploy-now = Deploy to production now
p-see-diff = See the diff
p-read-all = Read all of it
p-may-not = You may look, not decide.
p-may-not-more = An admin gives you the role: People.
p-tab-overview = Overview
p-tab-documents = Documents
p-tab-changes = Changes
p-tab-log = Log
p-tab-history = History
p-task-pages = Task pages
p-sent-back = sent back
p-attempts = { $shown } { $count ->
        [one] attempt
       *[other] attempts
    }
p-act-start = Start
p-act-retry = Retry
p-act-retry-check = Run the tests again
p-act-pause = Pause
p-act-resume = Resume
p-act-hands-off = Take the branch
p-act-give-back = Give it back
p-act-edit = Edit the issue
p-act-send-back = Send to a stage…
p-act-skip = Skip this stage…
p-act-comment = Comment…
p-act-comment-now = Leave it
p-act-order = Order and dependencies…
p-act-priority = Set the priority
p-act-depend-on = Waits for the task
p-act-depend = Wait for it
p-act-undepend = Wait no longer
p-act-stop = Stop…
p-stop-about = Its agent ends, its branch stays. A stopped task never goes on.
p-stop-now = Stop { $id } now
p-skip-now = Skip it now
p-stage = Stage
p-reason = Reason
p-comment-about = Words for the next agent; nothing in them acts.
p-more-acts = More you can do
p-start-about = Nobody has started it.
p-start-unlisted = Somebody wrote it whose issues do not start by themselves. Read it first.
p-hands-about = A person has the branch. When the work is pushed, give it back:
p-on-main-as = On the base branch as { $commit }.
p-bring-home = Bring it home:
p-see-commit = See the commit
p-not-known = Left alone: a newer release wrote this.
p-roll-head = How it went
p-roll-passed = passed
p-roll-back = sent back or failed
p-roll-human = waits for a person
p-roll-about = Figures are attempts. The table below says the same.
p-roll-attempt = Attempt { $attempt }, { $role }: { $end }
p-roll-waited = Waited for { $who }
p-roll-name = The task's history: { $shown } { $count ->
        [one] attempt
       *[other] attempts
    }
p-rework-head = What the next attempt is told
p-evidence-head = Why it was let through
p-tests-of-candidate = Tests of the candidate
p-tests-of-head = Tests of the head
p-verdict-of = { $role }, attempt { $attempt }
p-key-of-patch = patch
p-key-of-code = code
p-key-of-candidate = candidate
p-holds = holds
p-void = void: { $why }
p-void-count = { $shown } { $count ->
        [one] verdict
       *[other] verdicts
    } that no longer count
p-void-not-the-branch = the judge changed what it judged
p-void-new-patch = new patch (attempt { $attempt })
p-void-new-code = new code (attempt { $attempt })
p-void-new-candidate = new candidate
p-void-rejected = { $who } said no
p-void-sent-back = the task was sent back
p-void-superseded = judged again
p-findings-head = Findings
p-findings-block = { $shown } { $count ->
        [one] blocks
       *[other] block
    }
p-finding-new = new
p-finding-still-open = still open
p-finding-resolved = resolved
p-finding-reopened = reopened
p-finding-seen-once = seen in attempt { $attempt }
p-finding-seen = open in { $rounds } reviews: attempts { $first } to { $last }
p-attempts-head = Attempts
p-col-who = Who
p-col-end = How it ended
p-col-time = Time
p-col-tokens = Tokens in
p-col-cost = Cost
p-col-confined = Confined
p-log-of-attempt = Log of attempt { $attempt }
p-log-of-check = Test run { $check }
p-run-running = at work
p-run-completed = completed
p-run-failed = failed
p-run-timed-out = out of time
p-run-stalled = silent too long
p-run-stopped = stopped
p-run-lost = lost
p-run-quarantined = not proved ended
p-run-not-started = could not start
p-run-unavailable = vendor was out
p-run-over-budget = over budget
p-checks-head = Test runs
p-check-running = running
p-check-green = green
p-check-red = red
p-check-unknown = unknown
p-check-flaky = red at the first try
p-what-it-printed = What it printed
p-issue-head = What is wanted
p-history-all = all { $shown }
p-history-search = Who, what or which rule
p-used-head = Used
p-cached = cached
p-tokens-out = Tokens out
p-model = Model
p-facts = Facts
p-fact-by = By
p-fact-branch = Branch
p-fact-commit = Commit
p-fact-priority = Priority
p-fact-retries = Retries
p-fact-waits-for = Waits for
p-limits = Limits that hold
p-no-documents = No document has been written yet.
p-nothing-changed = Nothing has changed yet.
p-weakened-head = Weakened tests
p-test-deleted = deleted
p-test-lost = lost { $shown } { $count ->
        [one] line
       *[other] lines
    }
p-files = { $shown } { $count ->
        [one] file
       *[other] files
    }
p-lines-more = Show { $shown } more { $count ->
        [one] line
       *[other] lines
    }
p-diff-cut = There is more of it; the rest is in the branch.
p-logs = Logs
p-log-search = Search the log
p-log-raw = Raw
p-log-following = Following
p-log-follow-again = Follow again
p-log-found = Found in { $shown } { $count ->
        [one] line
       *[other] lines
    }
p-log-older = Older lines
p-log-newest = To the newest
p-log-empty = Nothing was printed yet.
p-log-none = Nothing has run yet.
p-lane-of = Lane of { $repository }
p-lane-about = what lands on { $branch }, one after the other
p-lane-pause = Pause { $repository }
p-lane-resume = Resume { $repository }
p-freeze = Freeze…
p-freeze-why = Why? Everybody will read it.
p-freeze-now = Freeze { $repository }
p-unfreeze = Unfreeze { $repository }
p-frozen-head = { $repository } is frozen:
p-paused-head = { $repository } is paused: nothing new starts.
p-to-land = To land
p-in-line = { $shown } in line
p-nothing-to-land = Nothing waits to land.
p-to-start-head = To start
p-one-at-a-time = one task at a time
p-many-at-a-time = many at a time
p-wait-to-start = { $shown } { $count ->
        [one] waits
       *[other] wait
    }
p-nothing-to-start = Nothing waits to start.
p-lane-queued = queued
p-lane-admitted = let in
p-lane-building = its candidate is made
p-lane-testing = its candidate is tested
p-lane-tested = tested, waits for validation
p-lane-validated = ready to land
p-lane-landing = lands
p-lane-deploying = is deployed
p-lane-mending = does not run, and is being mended
p-lane-landed = landed
p-no-repository = No repository is served.
p-slots-used = { $used } of { $most } slots for agents are taken
p-hosts = Hosts
p-alive = answers
p-silent = silent
p-waiting-head = Why things wait
p-nothing-waits = Nothing waits.
p-tasks = Tasks
p-ends = Ends
p-rule = Rule
p-try-now = Try now
p-budgets = Budgets
p-budget-task = A task
p-budget-repository = { $repository } today
p-budget-day = This host today
p-of = of
p-set-aside = set aside
p-parked = Parked: it failed for good
p-sweep = Sweep for lost events
p-sweep-last = Last
p-sweep-none = It has not run yet.
p-sweep-found = { $shown } { $count ->
        [one] task was
       *[other] tasks were
    } set going by it.
p-kind-human = A person is asked
p-kind-held = Stuck
p-kind-repository = A repository cannot be worked in
p-kind-frozen = A repository is frozen
p-kind-outage = A vendor is out
p-kind-budget = A budget is used up
p-kind-slot = No free slot
p-kind-lane = Stands in the line to land
p-kind-entry = Stands in the line to start
p-kind-dependency = Another task
p-kind-agent = An agent works
p-kind-collecting = What a run left is brought home
p-kind-check = Tests run
p-kind-branch = A push is looked at
p-kind-paused = Paused
p-kind-hands = A person has the branch
p-kind-stopping = Is being stopped
p-kind-backlog = Nobody has started it
p-ends-human = when somebody answers
p-ends-held = with a retry, or when somebody takes the branch
p-ends-mended = by itself, when that is mended
p-ends-unfreeze = when it is unfrozen
p-ends-itself = by itself
p-ends-budget = with the next day, or when money is added
p-ends-resume = when it is resumed
p-ends-hands = when it is given back
p-ends-start = when it is started
p-dead-count = { $shown } given up
p-dead-none = Everything has arrived.
p-targets = Targets
p-targets-none = Nobody is told of anything: add a [[notify]] to the host file.
p-target-ok = answers
p-target-refused = refuses
p-target-down = is down
p-outbox = What goes out
p-message = Message
p-target = Target
p-state = State
p-acts = Actions
p-messages-none = No messages.
p-send-again = Send again
p-drop = Drop
p-came-in = What came in
p-delivery = Delivery
p-from = From
p-deliveries-none = Nothing came in.
p-handle-again = Handle again
p-reread = Read the settings again
p-accept-base = Take the base branch as it is now
p-accept-red-base = Work on it although it is red
p-prefix = Prefix
p-order = Order
p-settings-about = What holds now; secrets are not shown. They are changed in the host file.
p-setting = Setting
p-value = Value
p-source = Source
p-source-file = host file
p-source-variable = variable
p-source-default = default
p-role = Role
p-role-admin = admin
p-role-member = operator
p-role-viewer = viewer
p-role-of = Role of { $who }
p-accounts = Accounts
p-account = Account
p-you = you
p-save = Save
p-unlink = Unlink
p-link-account = Link an account…
p-make-link = Make a log-in link
p-link-once = This link lets them in once, within a day. It is shown only now.
p-forget = Forget…
p-forget-about = Name, accounts and sessions go; what was done stays, with the account's id.
p-forget-now = Forget { $who }
p-forgotten = { $shown } forgotten
p-person-add = Add a person
p-display = Shown as
p-login-head = Log in
p-login-about = Log in to see what runs and to decide what waits for you.
p-login-name = Name
p-login-password = Password
p-login-first = First time here, or no password? A link that works once:
p-login-wrong = Name or password is wrong.
p-login-too-often = Too many wrong passwords. Try again in a quarter of an hour, or use a link.
p-enter = Come in
p-enter-known = This link lets you in, once.
p-enter-welcome = Welcome
p-enter-new = You are the first admin here. Say who you are; lists in settings name you by it.
p-enter-over = This link was used
p-enter-over-more = Or it is older than a day. A new one:
p-password-set = Set a password
p-password-new = New password
p-password-optional = Password, if you like
p-password-about = At least 10 characters. Without one you come in by links alone.
p-password-short = A password has at least 10 characters.
p-password-there = You have a password. Save an empty one to remove it.
p-password-none = You have no password: you come in by links.
p-password-kept = Kept. Your other sessions ended.
p-password-gone = Removed. Your other sessions ended.
p-log-out = Log out
p-look-head = Look
p-language = Language
p-keys-off = No single-letter keys
p-new-title = Title
p-new-title-about = One line that says what is wanted.
p-new-description = What is wanted, and how one knows that it is done
p-new-description-about = Markdown.
p-new-priority-about = Higher goes first; 0 is usual.
p-new-more = More
p-new-labels = Labels, with commas between
p-new-start = Create and start
p-new-backlog = Into the backlog
p-edit-save = Save
p-edit-leave = Leave it
p-edit-about = What was approved for the old text is asked again.
p-opened = { $id } is open.
p-stored = Stored; it will be handled.
p-not-done = Not done.
p-not-found = There is nothing here.
p-to-start = To the start
p-our-fault = This page could not be made. Nothing was lost or changed.
p-refused = Not done
p-form-stale = This form is of another session. Nothing was changed.
p-form-stale-more = Go back, load the page again, and press once more.
p-form-too-long = The form is too long. Nothing was changed.
p-reason-missing = The reason is empty: say why, in a sentence.
p-answer-missing = The answer is empty.
p-comment-missing = The comment is empty.
p-task-missing = Name the other task.
p-priority-wrong = A priority is a whole number.
p-act-unknown = This page does not know that act; load it again.
