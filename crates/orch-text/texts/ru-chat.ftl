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

## Карточка задачи. Время и суммы приходят готовыми.

button-card = Обновить
chat-card = Теперь карточка здесь.
card-stage = { $id ->
        [analysis] Анализ
        [architecture] Архитектура
        [development] Разработка
        [review] Рецензия
        [testing] Проверка
        [staging] Стенд
        [landing] Вливание
        [deploy] Продакшн
       *[other] { $id }
    }
card-done = Готово в { $at }
card-stopped = Отменена в { $at }
card-held = Застряла: { $why }
card-goes-on = Идёт дальше
card-works = { $role ->
        [analyst] Аналитик
        [architect] Архитектор
        [developer] Разработчик
        [reviewer] Рецензент
        [tester] Тестировщик
       *[other] Агент
    } работает с { $at }
card-mends = { $role ->
        [analyst] Аналитик
        [architect] Архитектор
        [developer] Разработчик
        [reviewer] Рецензент
        [tester] Тестировщик
       *[other] Агент
    } исправляет с { $at }
card-asks-approval = Ждёт вашего одобрения с { $at }
card-asks-questions = Задаёт { $count ->
        [one] { $count } вопрос
        [few] { $count } вопроса
       *[many] { $count } вопросов
    } с { $at }
card-asks-confirmation = Спрашивает, выкладывать ли, с { $at }
card-asks-protected = Просит разрешить правку с { $at }
card-asks-budget = Просит денег с { $at }
card-attempt = попытка { $number }
card-since = с { $at }
card-approved = { $stage ->
        [analysis] Подтверждение BRD
       *[other] Подтверждение
    }: { $who }, { $time }
card-answered = Ответы: { $who }, { $time }
card-allowed = Разрешение: { $who }, { $time }
card-confirmed = Подтверждение выкладки: { $who }, { $time }
card-cost-unknown = цена неизвестна
card-dollars = { $amount } $
card-thousands = { $number } тыс.
card-millions = { $number } млн
card-cached = ({ $tokens } из кэша)
card-unsaid = { $count } из { $all ->
        [one] { $all } запуска
       *[other] { $all } запусков
    } без цены
card-retries = { $count ->
        [one] { $count } возврат
        [few] { $count } возврата
       *[many] { $count } возвратов
    }
card-times = { $wall }, из них агенты { $agents }, люди { $people }
card-seconds = { $first } с
card-minutes = { $first } мин
card-hours = { $first } ч { $second } мин
card-days = { $first } д { $second } ч
card-change-request = Запрос на слияние { $number }
card-delivered = Внедрено
card-below = Продолжение ниже
tracker-approve = Переведите в “Approved”; или напишите в комментарии, что не так, и переведите в “Rejected”.
tracker-answer = Ответьте в комментарии и затем переведите в “To Analyse”.
tracker-confirm = Чтобы развернуть, переведите в “Confirm Deploy”.
tracker-mend = Исправьте и снова переведите в “To Analyse”.
tracker-runs = { $role ->
        [analyst] Аналитик
        [architect] Архитектор
        [developer] Разработчик
        [reviewer] Рецензент
        [tester] Тестировщик
        [deployer] Деплойер
       *[other] { $role }
    }: { $count ->
        [one] { $count } запуск
        [few] { $count } запуска
       *[many] { $count } запусков
    }
tracker-documents = Документы: { $paths }
