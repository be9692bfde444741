# Написания, которые читают программы, — словами для людей: стоят отдельно или перед двоеточием.

## Проверки этапа

gate-check-document-written = документ этапа
gate-check-no-questions = вопросы к людям
gate-check-decision-record = запись решения
gate-check-write-scope = что роли можно менять
gate-check-code-changed = изменение
gate-check-settings = настройки репозитория
gate-check-ci-green = тесты
gate-check-protected-paths = защищённые пути
gate-check-reviewer-verdict = рецензия
gate-check-tests-passed = отчёт о тестировании
gate-check-branch-mergeable = кандидат
gate-check-staging-status = стенд
gate-check-staging-image-fresh = образ на стенде
gate-check-deploy-status = развёртывание

## Работа

work-inbox = то, что пришло
work-intake = приём задачи
work-decide-task = решение о задаче
work-decide-lane = решение об очередях
work-run-agent = работа агента
work-stop-run = остановка запуска
work-run-check = запуск тестов
work-await-ci = ответ CI на сервере
work-build-candidate = сборка кандидата
work-build-revert = сборка отката
work-land = слияние
work-deploy = выкладка
work-publish-branch = публикация ветки
work-observe-branch = осмотр ветки
work-clean-up = уборка
work-wake-waiters = пробуждение ожидающих

state-queued = ждёт своей очереди
state-running = выполняется
state-failed = больше не повторяется
state-done = сделано
state-cancelled = отменено

## Место в очереди

place-queued = ждёт своей очереди
place-admitted = допущена
place-building-the-candidate = собирается её кандидат
place-testing-the-candidate = её кандидат проверяется
place-tested-waiting-for-validation = её кандидат зелёный и ждёт подтверждения
place-ready-to-land = готова к слиянию
place-landing = сливается сейчас
place-landed = слита
place-deploying = выкладывается сейчас
place-being-mended = не работает, исправляется
place-sent-back = возвращена
place-not-known-to-this-release = неизвестно этой версии

## Попытки и тесты

end-running = работает
end-completed = завершена
end-failed = не удалась
end-timed-out = не уложилась во время
end-stalled = замолчала
end-stopped = остановлена
end-lost = потеряна
end-quarantined = возможно, ещё работает
end-spawn-failed = не удалось начать
end-unavailable = не обслуживается
end-over-budget = кончились деньги

test-running = идут
test-passed = зелёные
test-failed = красные
test-unknown = неизвестно
