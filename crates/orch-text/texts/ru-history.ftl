# Что читают люди о том, о чём просили и что произошло, по-русски; см. `ru-reasons.ftl`.

## Ответы на команды

reason-nothing-said = записано
reason-now-started = запущена
reason-runs-again = { $stage } выполняется снова
reason-now-stopping = останавливается
reason-now-stopped = остановлена
reason-fresh-attempts = новые попытки
reason-branch-looked-at-again = ветка проверяется снова
reason-collected-again = результат попытки { $attempt } забирается снова
reason-now-paused = на паузе: начатое доработает, новое не начнётся
reason-goes-on = продолжается
reason-now-waits = ждёт её
reason-now-waits-no-longer = больше её не ждёт
reason-now-approved = одобрено
reason-now-confirmed = подтверждено
reason-now-rejected = отклонено; агент получит вашу причину
reason-now-answered = ответ принят; { $stage } выполняется снова с вашими словами
reason-title-changed = заголовок изменён
reason-now-described = описание изменено
reason-described-and-back = описание изменено: { $stage } выполняется снова, и одобрение будет запрошено снова
reason-says-that-already = так уже и есть
reason-now-sent-back = снова на { $stage }, с новыми попытками; там узнают вашу причину
reason-now-skipped = { $stage } пропущена → { $next }
reason-comment-kept = сохранено; следующий агент узнает
reason-issue-read = тексты задачи теперь такие, как в трекере
reason-issue-gone = задачи { $task } больше нет в трекере: её удалили или убрали в архив; { $task } на паузе, пока кто-нибудь не скажет, что имелось в виду
reason-agent-began = { $role ->
        [analyst] Аналитик
        [architect] Архитектор
        [developer] Разработчик
        [reviewer] Рецензент
        [tester] Тестировщик
        [deployer] Деплойер
       *[other] { $role }
    } начал работу
reason-agent-done = { $role ->
        [analyst] Аналитик
        [architect] Архитектор
        [developer] Разработчик
        [reviewer] Рецензент
        [tester] Тестировщик
        [deployer] Деплойер
       *[other] { $role }
    } закончил работу
reason-set-again = { $task } «{ $title }»: нельзя понять, поставлен ли статус после вопроса или до него. Поставьте его, пожалуйста, ещё раз.
reason-webhook-silent = о последних действиях людей в трекере { $tracker } не сообщил ни один вебхук: возможно, сервер его отключил. Пока он не заработает, изменения находятся опросом
reason-now-in-hands = у вас: git fetch orch && git switch { $branch }; сделайте коммит, git push orch { $branch }
    .help = затем: orch give-back { $id }
reason-in-hands-already = она уже у вас
reason-looked-at-already = её уже проверяют
reason-now-given-back = возвращена: ветка проверяется, и работа пойдёт с того, что в ней есть
reason-budget-raised = { $scope ->
        [task] бюджет этой задачи
        [repository_day] сегодняшний бюджет этого репозитория
        [day] сегодняшний бюджет этой машины
       *[other] бюджет
    } увеличен на { $amount }
reason-now-frozen = заморожен: ничего не запускается и не сливается
reason-freeze-lifted = разморожен

## Отказы

reason-ended-already = она { $position ->
        [done] готова
       *[other] отменена
    }; её уже ничто не двигает
reason-author-not-listed = её написал тот, чьи задачи сами не запускаются, а вам запускать её нельзя: { $reason }
reason-started-already = она уже запущена
    .help = что её держит: orch show { $id }
reason-stop-switched-off = остановка на этой машине выключена (switches.stop)
reason-too-late = поздно: она { $position ->
        [done] готова
        [landed] уже слита
       *[other] отменена
    }
reason-stopping-already = она уже останавливается
reason-nothing-holds-it = её ничто не удерживает
    .help = что её держит: orch show { $id }
reason-paused-already = уже на паузе
reason-not-paused = паузы нет
reason-waits-for-itself = задача не может ждать саму себя
reason-closes-a-circle = { $through } ждали бы друг друга по кругу, и ни одна не началась бы
    .help = сначала уберите другую связь: orch depend { $last } --on { $id } --remove
reason-branch-in-hands = её ветка у человека
    .help = сначала: orch give-back { $id }
reason-being-stopped = она останавливается
reason-landed-already = она уже в { $main }, как { $commit }; заведите новую задачу
reason-it-lands = она сливается; повторите, когда это закончится
reason-it-deploys = идёт её выкладка; повторите, когда она закончится
reason-in-the-landing-line = она в очереди на слияние
    .help = сначала верните её: orch send-back { $id } STAGE
reason-not-answered = ответ не принят: { $reason }
reason-not-skipped = не пропущено: { $reason }
reason-status-stood-before = этот статус стоял ещё до вопроса; чтобы ответить, поставьте его заново
reason-no-answer-to-that = это не ответ на то, о чём спрашивают
    .help = посмотреть: orch show { $id }
reason-answered-already = на это уже ответили
    .help = о чём спрашивают сейчас: orch show { $id }
reason-not-asked-any-more = об этом больше не спрашивают: задача ушла дальше, или вопрос задан заново
    .help = посмотреть: orch show { $id }
reason-no-approval-asked = одобрения никто не ждёт
    .help = что её держит: orch show { $id }
reason-nothing-to-reject = одобрения никто не ждёт, отклонять нечего
    .help = отменить задачу: orch stop { $id }
reason-no-confirmation-asked = подтверждения выкладки никто не ждёт
reason-no-questions-asked = вопросов нет
    .help = оставить слова следующему агенту: orch comment { $id } "…"
reason-not-in-a-stage = она ещё не вошла в первую стадию
reason-first-stage = { $stage } — первая стадия; до неё ничего нет
reason-stage-not-before = { $to } не раньше { $here }; до неё — { $earlier }
reason-no-such-stage = стадии { $to } нет; до { $here } — { $earlier }
reason-no-stage-to-skip = она ещё ни в какой стадии, пропускать нечего
reason-never-skipped-build = { $stage } нельзя пропустить: она делает изменение
    .help = сделать его самому: orch hands-off { $id }
reason-never-skipped-landing = { $stage } нельзя пропустить: она проверяет и сливает кандидата, ничьё слово этого не заменит
reason-never-skipped-deploy = { $stage } нельзя пропустить: это продакшен, ничьё слово не заменит выкладку
reason-never-skipped-last = { $stage } нельзя пропустить: это последняя стадия
reason-never-skipped-unmade = { $stage } нельзя пропустить: сливать пока нечего
reason-protected-first = она меняет защищённые файлы
    .help = сначала разрешите или отклоните это: orch approve { $id }, или: orch reject { $id } --reason "…"
reason-no-branch-yet = она ещё ни в какой стадии, ветки нет
    .help = придержать: orch pause { $id }
reason-no-commit-yet = коммитов ещё нет, ветки тоже
    .help = придержать: orch pause { $id }
reason-not-in-hands = её никто не брал
    .help = взять: orch hands-off { $id }
reason-agent-still-works = её агент ещё не закончил; верните чуть позже
reason-nothing-added = ничего не прибавится; скажите, сколько, в долларах США
reason-no-budget-asked = она ждёт не денег
    .help = что её держит: orch show { $id }
reason-frozen-already = он уже заморожен: { $why }
reason-not-frozen = он не заморожен
reason-cause-stands = то, из-за чего он заморожен, не устранено, пока не слито исправление одной из задач: { $names }
    .help = назвать задачу, которая это исправит: orch freeze --reason "…" --fix ID, или разморозить всё равно: orch unfreeze --force --reason "…"
reason-landing-unknown = этот выпуск не знает, как далеко зашло её слияние: { $state }
reason-left-alone = этот выпуск не знает части { $parts }, её записал более новый
    .help = установите его снова или отмените задачу: orch stop { $id }
reason-list-names-others = { $list } в .orch/orch.toml: { $names }; { $who } там нет
reason-list-names-other-people = { $list } в .orch/orch.toml: { $names }; { $who } — это { $person }
reason-nobody-knows-as-one = { $list } в .orch/orch.toml: { $names }; что { $who } — один из них, неизвестно
    .help = это говорит администратор: orch people link PERSON { $actor }
reason-nobody-knows = неизвестно, кто { $who }
    .help = это говорит администратор: orch people link PERSON { $actor }
reason-own-account = { $who } — учётная запись этой службы; её слова не команды
reason-not-a-commander = слова { $who } — не команды
reason-viewer = { $person } может смотреть, но не командовать
    .help = это меняет администратор: orch people role { $person } member

## История

reason-starts = запускает
reason-enters = входит в { $stage }
reason-may-enter = можно входить
reason-run-starts = { $role } начинает { $stage } (попытка { $attempt })
reason-run-is-over = { $role }: запуск на { $stage } закончен; результат забирается: { $why }
reason-run-ended = { $role } заканчивает { $stage }: { $reason }
reason-run-ended-late = попытка { $attempt } закончилась слишком поздно: ничего не меняется
reason-left = { $commits ->
        [one] { $commits } коммит
        [few] { $commits } коммита
       *[other] { $commits } коммитов
    }, { $documents ->
        [one] { $documents } документ
        [few] { $documents } документа
       *[other] { $documents } документов
    }
reason-left-nothing-new = ничего нового
reason-left-nothing-of-its-own = ничего своего
reason-left-nothing-to-take = ничего, что можно взять
reason-no-evidence = сведений нет
reason-not-brought-home = результат не удалось забрать, и это не его вина: { $why }
reason-found-besides = попытка { $attempt } оставила черновики задач, не запущены: { $what }
reason-left-out = не взято из попытки { $attempt }: { $what }
reason-not-taken = нельзя взять из попытки { $attempt }: { $what }
reason-deadline-passed = время вышло
reason-went-silent = признаков жизни нет
reason-run-stopped = остановлен
reason-run-lost = потерян; доказано, что его процессов нет
reason-session-lost = ничего не сделал: сессии, которую надо было продолжить, больше нет; следующий запуск начнёт заново
reason-run-lost-alive = потерян; что его процессов нет, не доказано
reason-stage-green = { $stage } пройдена → { $next }
reason-delivered = готово
reason-stop-asked = просят остановить
reason-stop-too-late = останавливать поздно
reason-cancelled = отменена, как просил человек
reason-cancelled-unknown = отменена; этот выпуск не знает части { $parts }
reason-paused = поставлено на паузу
reason-frozen = заморожен: { $why }
reason-priority = приоритет { $number }
reason-waits-for = ждёт { $task }
reason-waits-no-longer = больше не ждёт { $task }
reason-cycle-open = круг снова разомкнут
reason-dependency-cancelled = { $task }, которой она ждёт, отменена: она продолжает без того, что та должна была дать
reason-ready-for-approval = готово: одобрите или отклоните с причиной
reason-approved = одобрено, ветка на { $about }
reason-confirmed = подтверждено: { $about }
reason-rejected = отклонено: { $why }
reason-answered = на вопросы дан ответ; { $stage } выполняется снова
reason-asks = задаёт { $count ->
        [one] { $count } вопрос
        [few] { $count } вопроса
       *[other] { $count } вопросов
    }
reason-asked-again = { $hours ->
        [one] { $hours } час
        [few] { $hours } часа
       *[other] { $hours } часов
    } без ответа: спрашивается снова
reason-protected-touched = затронуты защищённые файлы: { $paths }
reason-protected-refused = изменение защищённых файлов отклонено: { $why }
reason-budget-too-small = { $scope ->
        [task] бюджета этой задачи
        [repository_day] сегодняшнего бюджета этого репозитория
        [day] сегодняшнего бюджета этой машины
       *[other] бюджета
    } не хватает на ещё один запуск
reason-title-was = прежний заголовок: { $title }
reason-description-changed = меняет описание
reason-sent-back-by-hand = { $from } → { $to }: { $why }
reason-skipped = пропущена { $stage }: { $why }
reason-review-leads-back = просит изменений на площадке кода → { $stage }
reason-reviewed = { $word ->
        [approved] одобрено
       *[changes_requested] просит изменений
    } на площадке кода: здесь ничего не меняется
reason-reviewed-older = { $word ->
        [approved] одобрено
       *[changes_requested] просит изменений
    } на площадке кода, о более старом { $commit }: ничего не меняется
reason-takes-branch = берёт ветку { $branch }
reason-gives-back = возвращает
reason-line-goes-on = работа продолжается
reason-branch-not-moved = ветку не удалось передвинуть: { $why }
reason-branch-removed = ветку удалили; она публикуется снова
reason-pushed = отправляет { $head } ({ $commits ->
        [one] { $commits } коммит
        [few] { $commits } коммита
       *[other] { $commits } коммитов
    })
reason-pushed-anew = переписывает ветку, отправляет { $head } ({ $commits ->
        [one] { $commits } коммит
        [few] { $commits } коммита
       *[other] { $commits } коммитов
    })
reason-pushed-meanwhile = отправляет тем временем; коммиты попытки положены сверху: { $head } ({ $commits ->
        [one] { $commits } коммит
        [few] { $commits } коммита
       *[other] { $commits } коммитов
    })
reason-push-conflicts = отправляет { $head }, пока шла попытка; обе стороны изменили одни и те же строки
reason-tests-pass = тесты проходят на { $commit }
reason-tests-fail = тесты не проходят на { $commit }: { $why }
reason-tests-not-run = тесты не удалось запустить на { $commit }: { $why }
reason-check-ended-late = проверка { $check } закончилась слишком поздно: ничего не меняется
reason-effect-failed = { $effect }: не удалось: { $why }
reason-effect-failed-for-good = { $effect }: окончательно не удалось: { $why }
reason-merged-by-hand = слита вручную как { $commit }
reason-merged-deploying = слита как { $commit }; завершит её только вердикт о выкладке
reason-asks-to-land = просится на слияние
reason-candidate-begun = её черёд: готовится кандидат
reason-candidate-anew = { $base } сдвинулась: кандидат готовится заново
reason-candidate-conflicts = конфликт с { $base } на { $main }: { $paths }
reason-candidate-settings = вместе с { $base } на { $main } настройки непригодны: { $faults }
reason-contained-already = { $base } на { $main } это уже содержит
reason-candidate-is-tested = кандидат { $commit } проверяется
reason-candidate-passes = кандидат { $commit } проходит тесты
reason-candidate-fails = кандидат { $commit } не проходит тесты: { $why }
reason-candidate-not-tested = кандидата { $commit } не удалось проверить: { $why }
reason-candidate-green = кандидат { $commit } проверен
reason-candidate-may-land = кандидата { $commit } можно сливать
reason-waits-for-confirmation = кандидат { $commit } ждёт подтверждения выкладки
reason-lands = сливается { $commit }
reason-main-is = { $base } теперь { $commit }
reason-main-moved = { $base } тем временем сдвинулась на { $main }
reason-candidate-refused = { $by } не принимает { $commit }: { $why }
reason-landed = слита как { $commit }
reason-came-late = { $what }: слишком поздно, ничего не меняется
reason-repository-mended = с ним снова можно работать
reason-repository-trouble = с ним нельзя работать: { $why }
reason-no-longer-so = больше не так: { $what }
reason-presumed-dead = попытка { $attempt } шла на машине { $host }, о которой слишком долго ничего не слышно: она считается мёртвой, и всё, что там ещё делается, не в счёт
reason-heard-of-again = машина { $host } вернулась: попытка { $attempt }, считавшаяся мёртвой, там закончилась; её стоимость учтена
reason-tests-flaky = тесты проходят на { $commit } со второй попытки; первая была красной ({ $first }): тесты нестабильны
reason-tests-fail-twice = тесты не проходят на { $commit }, дважды: { $why }
reason-candidate-flaky = кандидат { $commit } проходит тесты со второй попытки; первая была красной ({ $first }): тесты нестабильны
reason-candidate-fails-twice = кандидат { $commit } не проходит тесты, дважды: { $why }
reason-no-test-holds-it = держат её не тесты
    .help = что её держит: orch show { $id }
reason-agent-works-already = над ней уже работает агент; его работа проверится, когда он закончит
reason-tests-run-already = её тесты выполняются
    .help = смотреть: orch logs { $id } --check
reason-no-work-to-test = на этой стадии нет работы, которую можно проверить снова
    .help = сделать её заново: orch retry { $id }
reason-tests-once-more = тесты { $commit } ещё раз
reason-tests-run-again = её тесты запускаются снова
reason-red-excused = работа в прежней неудаче не виновата
reason-tests-green-already = её тесты проходят; повторять нечего
reason-nothing-tested-yet = её ещё не проверяли
    .help = что её держит: orch show { $id }
reason-more-than-tests-open = дело не только в тестах
    .help = исправить: orch retry { $id }
reason-candidate-once-more = её кандидат готовится и проверяется ещё раз
reason-candidate-made-again = её кандидат готовится и проверяется снова
reason-run-lost-with = потерян вместе с машиной { $host }; считается мёртвым, доказательств нет
reason-passes-freeze = проходят, хотя репозиторий заморожен: { $names }
reason-freeze-forced = разморожен, хотя причина не устранена: { $why }
reason-runs-now = теперь работает { $commit }, и причина заморозки устранена; размораживают люди
reason-freeze-mended = { $name } слита как { $commit }, и причина заморозки устранена; размораживают люди
reason-takes-back = перед остановкой её изменение { $commit } откатывается
reason-taken-back = её изменение откачено коммитом { $commit }
reason-deployment-queued = { $commit } в очереди на { $target }
reason-deployment-is = выкладка на { $target }: { $state } ({ $why })
reason-mending-given-up = исправления больше не ждут, изменение откатывается
