# Что читают люди, по-русски. Сообщение — предложение без точки; атрибут `help` называет команды, которые помогут, и
# опускается там, где есть кнопки.

## Списки

list-two = { $first } и { $last }

## Чего ждёт задача

wait-backlog = её никто не запустил
    .help = запустить: orch start { $id }
wait-unlisted = автор — { $author }, такие задачи здесь сами не запускаются
    .help = прочтите её и, если вы указаны в [intake] authors, запустите: orch start { $id }
wait-entry = { $place }-я в очереди на запуск; запустится сама
wait-entry-behind = { $place }-я в очереди на запуск, перед ней { $behind } (здесь задачи идут по одной); запустится сама
wait-frozen = репозиторий { $repository } заморожен ({ $reason })
    .help = разморозить: orch unfreeze --repo { $repository }
wait-dependency = продолжится сама, когда { $count ->
        [one] завершится задача { $on }
       *[other] завершатся задачи { $on }
    }
wait-agent = работает агент (попытка { $attempt })
    .help = смотреть: orch logs { $id } -f
wait-collecting = результат попытки { $attempt } забирается: { $why }
wait-check = выполняются тесты на { $commit }
wait-slot = все места для { $what } заняты ({ $max }); начнётся само, когда место освободится
wait-slot-runs = { $max ->
        [one] занято { $max } место
        [few] заняты все { $max } места
       *[other] заняты все { $max } мест
    } для агентов; начнётся само, когда место освободится
wait-budget = { $scope ->
        [task] бюджета этой задачи
        [repository_day] сегодняшнего бюджета этого репозитория
        [day] сегодняшнего бюджета этой машины
       *[other] бюджета
    } не хватает на ещё один запуск
wait-repository = с репозиторием { $name } нельзя работать: { $reason } (когда это исправят, работа пойдёт сама)
wait-repository-not-yet = ещё не время: { $reason }; начнётся само
wait-outage-probed = { $source } ({ $reason }); { $other } прямо сейчас проверяет, не прошло ли
wait-outage = { $source } ({ $reason }); будет одна пробная попытка
    .help = снять паузу: { $lift }
wait-outage-until = { $source } ({ $reason }); одна пробная попытка в { $until }
    .help = снять паузу: { $lift }
wait-outage-named = { $source } ({ $reason }); поставщик обещал вернуться
    .help = снять паузу: { $lift }
wait-outage-named-until = { $source } ({ $reason }); поставщик обещал вернуться в { $until }
    .help = снять паузу: { $lift }
wait-lane = { $place }-я в очереди на слияние: { $doing }
wait-lane-behind = { $place }-я в очереди на слияние, перед ней { $behind }: { $doing }
wait-paused = на паузе
    .help = продолжить: orch resume { $id }
wait-paused-repository = репозиторий { $repository } на паузе
    .help = продолжить: orch resume --repo { $repository }
wait-branch = кто-то отправил коммиты в { $branch }: они проверяются
wait-hands = ветка { $branch } у человека: { $by }
    .help = когда работа отправлена туда: orch give-back { $id }
wait-held = { $reason }
    .help = попробовать ещё раз: orch retry { $id }
wait-stopping = останавливается: агента попросили закончить
wait-unknown = не трогаем: этот выпуск не знает части { $parts }, её записал более новый; установите его снова
    .help = или отменить: orch stop { $id }
wait-deploying = выкладка на { $target }: { $state }
    .help = orch deploy status
wait-deploying-why = выкладка на { $target }: { $state } ({ $why })
    .help = orch deploy status
wait-stop-after-step = остановится, как только закончится этот шаг: { $step }

## Что не работает

outage-credential = доступ { $name } не обслуживается
outage-repository = с репозиторием { $name } нельзя работать
outage-agent = агент { $name } не запускается

## О чём просят человека

ask-approval = ждёт вашего одобрения
    .help = одобрить: orch approve { $id }, или отклонить: orch reject { $id } --reason "…"
ask-questions = есть вопросы к вам (orch show { $id })
    .help = ответить: orch answer { $id } "…"
ask-protected-paths = меняет защищённые файлы (orch show { $id })
    .help = пропустить именно это изменение: orch approve { $id }, или вернуть: orch reject { $id } --reason "…"
ask-budget = нужны деньги
    .help = добавить долларов США: orch budget { $id } --raise 5, или отменить: orch stop { $id }
ask-confirm-deploy = ждёт вашего подтверждения перед выкладкой в продакшен
    .help = подтвердить: orch confirm { $id }, или отменить: orch stop { $id }
deployment-queued = ждёт своей очереди
deployment-deploying = идёт выкладка
deployment-checking = проверяется, что работает
deployment-rolling-back = возвращается прежняя версия
deployment-unknown = неизвестно, что работает
deployment-healthy = работает и здорова
deployment-failed = не поднялась; прежняя версия не прерывалась
deployment-rolled-back = не поднялась; прежняя версия снова работает
deployment-broken = ничего не работает как надо
deployment-superseded = содержится в том, что работает
deployment-cancelled = отменена
