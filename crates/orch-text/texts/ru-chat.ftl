# Что люди читают в чате, по-русски. Причастия и существительные: пол того, кто действует, неизвестен.

alert-asks-approval = { $id }: одобрить { $stage ->
        [analysis] требования
        [architecture] решение
       *[other] работу
    }?
alert-asks-questions = { $id }: { $count ->
        [one] { $count } вопрос
        [few] { $count } вопроса
       *[many] { $count } вопросов
    }
alert-asks-protected = { $id }: разрешить правку?
alert-asks-budget = { $id }: добавить денег?
alert-asks-confirmation = { $id }: выложить в продакшн?
alert-held = { $id } застряла
alert-done = { $id } готова
alert-stopped = { $id } отменена

## Кнопки

button-approve = Одобрить
button-reject = Отклонить…
button-answer = Ответить…
button-deploy = Выложить…
button-deploynow = Да, выложить
button-notnow = Нет
button-raise5 = + 5 $
button-raise20 = + 20 $
button-retry = Повторить

## Ответы на нажатия и сообщения: не длиннее 200 знаков

chat-approved = Одобрено
chat-rejected = Отклонено
chat-answered = Ответ принят
chat-confirmed = Подтверждено
chat-raised = Деньги добавлены
chat-retried = Ещё одна попытка
chat-sure = Точно? Нажмите ещё раз.
chat-not-now = Ничего не происходит.
chat-tell-reason = Ответьте на новое сообщение, указав причину.
chat-tell-answer = Ответьте на новое сообщение своим ответом.
chat-ask-reason = { $who }: почему нет, для { $id }? Ответьте на это сообщение в течение десяти минут.
chat-ask-answer = { $who }: ваш ответ для { $id }? Ответьте на это сообщение в течение десяти минут.
chat-over = Это уже позади: ответ дан или вопрос задан заново. Откройте новый вопрос.
chat-too-old = Кнопка устарела. Откройте новый вопрос.
chat-may-not = Вам можно смотреть, не решать. Возьмите код (orch people code) и отправьте боту: /link КОД
chat-refused = Не сделано: { $why }
chat-failed = Не получилось, и ничего не произошло. Нажмите ещё раз.
chat-linked = Привязано: слово этой учётной записи — слово { $who }
chat-settled = { $id }: { $done }, { $who }
