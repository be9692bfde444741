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
