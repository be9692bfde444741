# What people read in a chat, in English.

alert-asks-approval = { $id }: approve the { $stage ->
        [analysis] requirements
        [architecture] design
       *[other] work
    }?
alert-asks-questions = { $id }: { $count ->
        [one] { $count } question
       *[other] { $count } questions
    }
alert-asks-protected = { $id }: allow this change?
alert-asks-budget = { $id }: raise the budget?
alert-asks-confirmation = { $id }: deploy to production?
alert-held = { $id } is stuck
alert-done = { $id } is done
alert-stopped = { $id } was called off

## Buttons

button-approve = Approve
button-reject = Reject…
button-answer = Answer…
button-deploy = Deploy…
button-deploynow = Yes, deploy now
button-notnow = No
button-raise5 = + $5
button-raise20 = + $20
button-retry = Retry

## What a press or a reply is answered with: at most 200 characters

chat-approved = Approved
chat-rejected = Rejected
chat-answered = Answered
chat-confirmed = Confirmed
chat-raised = Money added
chat-retried = Tried again
chat-sure = Sure? Press once more.
chat-not-now = Nothing happens.
chat-tell-reason = Reply to the new message with the reason.
chat-tell-answer = Reply to the new message with the answer.
chat-ask-reason = { $who }: why not, for { $id }? Reply to this message within ten minutes.
chat-ask-answer = { $who }: your answer for { $id }? Reply to this message within ten minutes.
chat-over = That is over: answered already, or asked anew. Open the newest question.
chat-too-old = Too old. Open the newest question.
chat-may-not = You may look, not decide. Ask for a code (orch people code) and send the bot: /link CODE
chat-refused = Not done: { $why }
chat-failed = That did not work, and nothing happened. Press again.
chat-linked = Linked: what this account says is { $who }'s word
chat-settled = { $id }: { $done }, { $who }

## The card of a task. Times and amounts come written.

button-card = Show anew
chat-card = This is the card now.
card-stage = { $id ->
        [analysis] Analysis
        [architecture] Architecture
        [development] Development
        [review] Review
        [testing] Testing
        [staging] Staging
        [landing] Landing
        [deploy] Production
       *[other] { $id }
    }
card-done = Done at { $at }
card-stopped = Called off at { $at }
card-held = Stuck: { $why }
card-goes-on = Goes on
card-works = The { $role } works since { $at }
card-mends = The { $role } mends it since { $at }
card-asks-approval = Waits for your approval since { $at }
card-asks-questions = Asks { $count ->
        [one] { $count } question
       *[other] { $count } questions
    } since { $at }
card-asks-confirmation = Asks whether to deploy since { $at }
card-asks-protected = Asks to allow a change since { $at }
card-asks-budget = Asks for money since { $at }
card-attempt = attempt { $number }
card-since = since { $at }
card-approved = { $stage ->
        [analysis] Approved
       *[other] Approved
    } by { $who } after { $time }
card-answered = Answered by { $who } after { $time }
card-allowed = Allowed by { $who } after { $time }
card-confirmed = Confirmed by { $who } after { $time }
card-cost-unknown = cost unknown
card-dollars = ${ $amount }
card-thousands = { $number }k
card-millions = { $number }M
card-cached = ({ $tokens } cached)
card-unsaid = { $count } of { $all ->
        [one] { $all } run
       *[other] { $all } runs
    } did not say
card-retries = { $count ->
        [one] { $count } retry
       *[other] { $count } retries
    }
card-times = { $wall }, of it agents { $agents }, people { $people }
card-seconds = { $first } s
card-minutes = { $first } min
card-hours = { $first } h { $second } min
card-days = { $first } d { $second } h
card-change-request = Pull request { $number }
card-delivered = Delivered
card-below = Goes on below
tracker-approve = Move it to “Approved”; or write in a comment what is wrong, and move it to “Rejected”.
tracker-answer = Answer in a comment, and then move it to “To Analyse”.
tracker-confirm = Move it to “Confirm Deploy” to deploy it.
tracker-mend = Mend it, and move it to “To Analyse” once more.
tracker-runs = { $role ->
        [analyst] Analyst
        [architect] Architect
        [developer] Developer
        [reviewer] Reviewer
        [tester] Tester
        [deployer] Deployer
       *[other] { $role }
    }: { $count ->
        [one] { $count } run
       *[other] { $count } runs
    }
tracker-documents = Written: { $paths }
