# Что читают люди о причинах, по-русски: одно сообщение на каждый код правил, названное по нему. `$id` — задача, о
# которой речь, `$repository` — её репозиторий, `$branch` — её ветка.

unknown-reason = { $reason }
the-base-branch = основная ветка

reason-quoted = { $words }

## Ответы

reason-all-of = { $reasons }
reason-refused = { $id }: { $reason }
reason-not-started = входная проверка не пройдена: { $reasons }
    .help = сформулируйте иначе: orch edit { $id } --title "…" --description "…", затем orch start { $id }
reason-part-of-a-cycle = не повторяется: { $reason }

## Запуск

reason-entry-check-failed = входная проверка не пройдена: { $reasons }
    .help = сформулируйте иначе: orch edit { $id } --title "…" --description "…", затем orch start { $id }
reason-title-empty = заголовок пуст; нужно не меньше { $min ->
        [one] { $min } символа
       *[other] { $min } символов
    }
reason-title-short = в заголовке { $length ->
        [one] { $length } символ
        [few] { $length } символа
       *[other] { $length } символов
    }; нужно не меньше { $min }
reason-title-long = в заголовке { $length ->
        [one] { $length } символ
        [few] { $length } символа
       *[other] { $length } символов
    }; сократите до { $max }
reason-description-empty = описание пусто; нужно не меньше { $min ->
        [one] { $min } символа
       *[other] { $min } символов
    }
reason-description-short = в описании { $length ->
        [one] { $length } символ
        [few] { $length } символа
       *[other] { $length } символов
    }; нужно не меньше { $min }
reason-created-and-started = создана и запущена
reason-created-in-backlog = создана, не запущена
reason-created-unlisted = создана, не запущена: в [intake] authors указаны { $names }, а её автора там нет
reason-created-with-variant = { $reason }; она идёт по варианту { $variant }

## Красное и удержанное

reason-escalated = передана человеку: { $reason }
reason-after-retries = { $reason } (после { $retries ->
        [one] { $retries } повтора
       *[other] { $retries } повторов
    })
reason-after-no-progress = { $reason } ({ $stalled })
reason-findings-unresolved = { $reworks ->
        [one] { $reworks } доработка не устранила
        [few] { $reworks } доработки не устранили
       *[other] { $reworks } доработок не устранили
    } ни одного блокирующего замечания: { $findings }
reason-same-failure = { $reworks ->
        [one] { $reworks } доработка не изменила
        [few] { $reworks } доработки не изменили
       *[other] { $reworks } доработок не изменили
    } того, как не проходит { $stage }
reason-sent-back = { $from } не пройдена: { $reason } → { $to }
reason-retries-used-up = { $cap ->
        [one] исчерпан { $cap } повтор
        [few] исчерпаны { $cap } повтора
       *[other] исчерпано { $cap } повторов
    }
reason-person-has-to-look = { $reason }: должен посмотреть человек
reason-stuck = застряла: { $reason }
reason-dependency-cycle = задачи ждут друг друга по кругу: { $through }
    .help = разорвать круг: orch depend { $last } --on { $first } --remove
reason-gate-red = { $gate }: { $why }
reason-gate-unknown = { $gate }: неизвестно: { $why }

## Запуски агентов

reason-quarantined = после попытки { $attempt } остались процессы, о которых нельзя доказать, что они завершились
    .help = завершите их на её машине, затем: orch retry { $id }
reason-runs-lost = { $count ->
        [one] потерян { $count } запуск
        [few] потеряны { $count } запуска подряд
       *[other] потеряно { $count } запусков подряд
    }, последним — попытка { $attempt }
    .help = проверьте машину (память, диск), затем: orch retry { $id }
reason-run-over-budget = попытка { $attempt }: { $why }
    .help = поднимите эту настройку или уменьшите задачу, затем: orch retry { $id }
reason-never-starts = попытка { $attempt } не запускается: { $why }
    .help = исправьте это, затем: orch retry { $id }
reason-agent-failed = { $role }: ошибка: { $why } (попытка { $attempt })
reason-agent-timed-out = { $role }: время вышло (попытка { $attempt })
reason-agent-stalled = { $role }: перестал подавать признаки жизни и был завершён (попытка { $attempt })
reason-agent-not-started = { $role }: не запускается: { $why } (попытка { $attempt })
reason-run-excused = попытка { $attempt } не считается повтором

## Ветка и очередь

reason-conflict = конфликт с { $main } на { $onto }
reason-combined-tests-fail = тесты не проходят на { $main } ({ $onto }) вместе с этим изменением
reason-combined-settings-unusable = настройки непригодны на { $main } ({ $onto }) вместе с этим изменением
reason-landing-refused = { $by } не даёт передвинуть { $main } на кандидата: { $why }
    .help = разрешите учётной записи, от которой работает Orchestrion, двигать { $main }, затем: orch retry { $id }
reason-candidate-untested = кандидата не удалось проверить тестами: { $why }
reason-push-unseen = кто-то отправил коммиты в ветку, и посмотреть на них не удалось
    .help = посмотреть ещё раз: orch retry { $id }
reason-push-rewrote = { $by } переписывает ветку { $branch }: { $tip } не содержит { $head }
    .help = вернуть прежнее (git push --force orch { $head }:refs/heads/{ $branch }, затем orch retry { $id }) или оставить новое (orch hands-off { $id }, затем orch give-back { $id })

reason-found-by-the-sweep = никто не был об этом предупреждён; нашёл обход ({ $rules })

## Что не работает: `$out` говорит это словами

reason-outage = { $out }: { $why }
reason-outage-begins = { $out }: { $why }; ничего, чему это нужно, не запускается; пробная попытка через { $minutes } мин
    .help = снять паузу: { $lift }
reason-outage-goes-on = по-прежнему: { $out }: { $why }; пробная попытка через { $minutes } мин
reason-outage-tried = идёт первой, чтобы узнать, не прошло ли: { $out }
reason-outage-over = больше не так: { $out }
reason-outage-lifted = пауза снята вручную: { $out }

## О чём сообщают людям

reason-asks-approval = { $task } «{ $title }» ждёт одобрения
reason-asks-questions = { $task } «{ $title }»: есть вопросы: { $questions }
reason-asks-confirmation = { $task } «{ $title }» можно выкладывать, если это подтвердят
reason-asks-protected = { $task } «{ $title }» меняет защищённые файлы и ждёт вашего разрешения: { $paths }
reason-asks-budget = { $task } «{ $title }»: бюджет исчерпан
reason-task-done = { $task } «{ $title }» готова
reason-task-stopped = { $task } «{ $title }» остановлена
reason-not-taken-back = её надо остановить, а её изменение { $commit } в { $main } не удалось откатить: { $why }
    .help = откатить его в { $main } самому, затем: orch retry { $id }
reason-not-taken-back-for-good = её надо остановить, но то, что её изменение { $commit } в { $main } сделало при выкладке, вернуть назад нельзя
    .help = решить, что с ним делать; всё равно убрать его из { $main }: orch retry { $id }
reason-not-taken-back-unknown = её надо остановить, а каким коммитом её изменение попало в { $main }, неизвестно
    .help = откатить его в { $main } самому, затем: orch retry { $id }
reason-repository-frozen = репозиторий { $name } заморожен: { $why }
reason-repository-freeze-mended = репозиторий { $name } можно разморозить: причина устранена ({ $why })
reason-repository-unfrozen = репозиторий { $name } снова принимает задачи
reason-main-red = { $main } не проходит тесты на { $commit }: { $why }; само собой ничего не откатывается
reason-deployment-failed = на { $target } не заработало: { $why }
reason-asks-deployment = { $task } «{ $title }» можно выложить на { $target }, если это подтвердят
reason-asks-irreversible = то, что { $task } «{ $title }» делает на { $target }, нельзя вернуть назад; выложить можно, если это подтвердят
reason-deployment-red = { $name } не работает на { $target }: { $why }
reason-deployment-not-begun = { $name } не удалось выложить на { $target }, дело в машине: { $why }
reason-deployment-unknown = неизвестно, что стало с { $name } на { $target }: { $why }
    .help = посмотреть, что там работает, затем: orch deploy verify { $target }
reason-target-drifted = на { $target } работает { $revision }, и выложил это не Orchestrion; пока туда ничего не выкладывается
    .help = принять как нужное: orch deploy adopt { $target }, или выложить своё: orch deploy redeploy { $target }
