# Что стоит на страницах, по-русски.

p-menu = Главное
p-short-menu = Короткое меню
p-skip = К содержимому
p-new-task = Новая задача
p-nav-inbox = Входящие
p-nav-board = Доска
p-nav-lane = Вливание
p-nav-happens = Что происходит
p-nav-runs = Запуски
p-nav-queue = Очередь
p-nav-costs = Затраты
p-nav-deploys = Выкладки
p-deploys-about = что где сейчас работает
p-deploys-lately = Недавние
p-deploys-what = Что
p-deploys-when = Когда
p-deploys-how = Как прошло
p-deploys-took = Заняло
p-no-target = Ни один репозиторий этого хоста пока никуда не выкладывается. Это настраивает `[target.NAME]` в файле хоста (docs/deploy.md).
p-target-your-word = ждёт вашего слова
p-target-same = это и работает
p-target-ahead = впереди того, что работает
p-target-healthy = здоров
p-target-silent = здорового ответа нет
p-target-blind = отвечает, но не говорит, какая это ревизия
p-target-other = отвечает что-то другое
p-target-nothing = сюда ещё ничего не выкладывали
p-target-elsewhere = здесь никто не знает: его настроек нет на этом хосте
p-target-drift = Там работает { $revision }, и выложили это не отсюда. Поверх этого без спроса ничего не выкладывается.
p-target-verify = Разобраться…
p-target-verify-about = На то, что отвечает, посмотрят три раза, и станет ясно, как быть дальше.
p-target-verify-now = Посмотреть, что работает
p-target-runs = Или скажите, какая ревизия работает
p-target-adopt = Оставить как есть…
p-target-adopt-about = Оно станет тем, что нужно, и следующее выложится поверх него.
p-target-adopt-now = Оставить то, что работает на { $target }
p-target-redeploy = Выложить ещё раз…
p-target-redeploy-about = Выложится вершина основной ветки, что бы ни стояло.
p-target-redeploy-now = Выложить на { $target } сейчас
p-target-rollback = Откатить…
p-target-rollback-about = Назад к { $revision }. { $repository } после этого заморожен, пока не исправлено то, что в основной ветке.
p-target-was-healthy = Последний раз найдено здоровым:
p-target-rollback-now = Откатить { $target }
p-costs-about = последние дни: { $days }, сутки по UTC
p-costs-days = Дни
p-costs-spent = Потрачено
p-costs-each = За влитую задачу
p-costs-landed = Влито
p-costs-silent = { $shown } { $count ->
        [one] запуск не сообщил
        [few] запуска не сообщили
       *[other] запусков не сообщили
    }
p-costs-by-day = По дням
p-costs-chart = Затраты по дням; таблица говорит то же.
p-costs-table = Таблицей
p-costs-by-stage = По стадиям
p-costs-by-model = По моделям
p-costs-by-agent = По агентам
p-costs-by-repository = По репозиториям
p-costs-dearest = Самые дорогие задачи
p-nav-runs-on = На чём работает
p-nav-reliability = Надёжность
p-nav-repositories = Репозитории
p-nav-settings = Настройки
p-nav-people = Люди
p-nav-more = Ещё
p-back = Назад
p-as-of = на
p-keys = Клавиши
p-colours = Цвета
p-theme-auto = Авто
p-theme-light = День
p-theme-dark = Ночь
p-other-language = English
p-other-language-tag = en
p-close = Закрыть
p-units = с|мин|ч|д
p-ago = { $age } назад
p-live-words = live=На связи|lost=Связи нет|gone=Связи нет { "{}" }. Видимое могло устареть; кнопки работают.|now=Проверить|news=Новое или изменённое: { "{}" }.|show=Показать
p-keys-about = Клавиша ведёт к кнопке; нажимает её только Enter.
p-key-rows = Следующая, предыдущая строка
p-key-open = Открыть
p-key-search = Поиск
p-key-pages = Входящие, доска, вливание
p-key-more-pages = Запуски, очередь, затраты
p-key-tabs = Страницы задачи
p-key-approve = К «Одобрить»
p-key-reject = К «Отклонить»
p-key-log = Журнал: следить, дальше
p-key-copy = Скопировать адрес
p-key-list = Этот список
p-unknown = неизвестно
p-cost-silent = Не сообщили: { $silent } из { $runs }
p-mark-ask = ждёт вас
p-mark-stuck = застряло
p-mark-unknown = неизвестно
p-mark-run = в работе
p-mark-wait = ждёт
p-mark-pause = пауза
p-mark-idle = впереди
p-mark-passed = пройдено
p-mark-failed = сбой
p-mark-void = снято
p-mark-called-off = отменено
p-place = { $place ->
        [backlog] Запас
        [entering] К запуску
        [analysis] Анализ
        [architecture] Архитектура
        [development] Разработка
        [review] Рецензия
        [testing] Проверка
        [landing] Вливание
        [deploy-staging] Стенд
        [deploy] Продакшн
        [done] Готово
        [cancelled] Отменено
       *[other] { $name }
    }
p-role-analyst = аналитик
p-role-architect = архитектор
p-role-developer = разработчик
p-role-reviewer = рецензент
p-role-tester = тестировщик
p-role-deployer = выкладчик
p-why-approve = Нужно одобрение: { $stage }
p-why-questions = У агента вопросы
p-why-protected = Правит защищённые файлы
p-why-budget = Нужны деньги
p-why-deploy = Выложить в продакшн?
p-why-agent = { $role } работает, попытка { $attempt }
p-why-some-agent = Агент работает, попытка { $attempt }
p-why-done = Влито
p-why-called-off = Отменено
p-why-decided-now = Решается
p-why-head = Почему ждёт
p-inbox-head = Ждёт вас
p-inbox-count = { $shown } { $count ->
        [one] решение
        [few] решения
       *[other] решений
    }
p-inbox-oldest = самое старое с
p-inbox-empty = Вас ничего не ждёт.
p-inbox-none = Создайте задачу, и линия донесёт её до основной ветки.
p-inbox-goes-on = В работе { $shown } { $count ->
        [one] запуск
        [few] запуска
       *[other] запусков
    }.
p-inbox-more = Ещё вопросы к вам
p-stuck-head = Застряло
p-stuck-about = никого не спрашивают, но без вас не сдвинется
p-right-now = Сейчас
p-out-until = снова в
p-at-work = В работе
p-at-work-count = { $shown } { $count ->
        [one] запуск
        [few] запуска
       *[other] запусков
    }
p-nothing-runs = Сейчас ничего не работает.
p-landed-lately = Влито недавно
p-nothing-landed = Пока ничего не влито.
p-board-open = { $shown } { $count ->
        [one] открытая
        [few] открытые
       *[other] открытых
    }
p-board-search = Название или номер
p-board-why = Почему ждёт
p-board-line = Линия
p-board-empty = Задач пока нет.
p-board-nothing = По «{ $words }» ничего нет.
p-repository = Репозиторий
p-all-repositories = Все репозитории
p-any-state = Любое состояние
p-state-asks = Спрашивает
p-state-stuck = Застряло
p-state-work = В работе
p-state-waits = Ждёт само
p-state-rests = На паузе или в руках
p-show = Показать
p-show-next = Ещё 25
p-n-asks = { $shown } { $count ->
        [one] ждёт
        [few] ждут
       *[other] ждут
    } вас
p-n-stuck = { $shown } { $count ->
        [one] застряла
        [few] застряли
       *[other] застряло
    }
p-n-works = { $shown } в работе
p-ask-approve = { $stage ->
        [analysis] Одобрить требования?
        [architecture] Одобрить решение?
       *[other] Одобрить: { $name }?
    }
p-ask-questions = { $shown } { $count ->
        [one] вопрос
        [few] вопроса
       *[other] вопросов
    }
p-ask-protected = Разрешить правку защищённых файлов?
p-ask-budget = Добавить денег?
p-ask-deploy = Выложить в продакшн?
p-ask-deploy-to = Выложить на { $name }?
p-ask-deploy-for-good = Выложить на { $name }? Вернуть назад будет нельзя.
p-revision = ревизия
p-by = автор { $who }
p-approve = Одобрить
p-reject = Отклонить…
p-allow-change = Разрешить эту правку
p-send-back = Вернуть
p-send-back-more = Вернуть…
p-send-back-to = Вернуть: { $role }
p-what-different = Что должно быть иначе?
p-your-answer = Ваш ответ
p-send-answer = Отправить ответ
p-answer-follows = Агент начнёт снова с вашими словами.
p-forecast = Дальше обычно стоило { $usual } (от { $least } до { $most }): столько стоили задачи, влитые здесь раньше, всего { $tasks }.
p-approve-follows = Дальше: { $stage }. До вливания можно вернуть.
p-protected-follows = Пройдёт именно эта правка и никакая другая.
p-add-dollars = Добавить
p-add-money = Добавить денег
p-deploy-this = Выложить…
p-deploy-follows = { $id } уйдёт в продакшн.
p-deploy-now = Выложить в продакшн сейчас
p-see-diff = Показать правку
p-read-all = Прочесть целиком
p-may-not = Вам можно смотреть, не решать.
p-may-not-more = Роль даёт администратор: «Люди».
p-tab-overview = Обзор
p-tab-documents = Документы
p-tab-changes = Правки
p-tab-log = Журнал
p-tab-history = История
p-task-pages = Страницы задачи
p-sent-back = возврат
p-attempts = { $shown } { $count ->
        [one] попытка
        [few] попытки
       *[other] попыток
    }
p-act-start = Запустить
p-act-retry = Повторить
p-act-retry-check = Повторить тесты
p-act-pause = Пауза
p-act-resume = Продолжить
p-act-hands-off = Взять ветку
p-act-give-back = Вернуть ветку
p-act-edit = Изменить задачу
p-act-send-back = Вернуть на стадию…
p-act-skip = Пропустить стадию…
p-act-comment = Комментарий…
p-act-comment-now = Оставить
p-act-order = Порядок и зависимости…
p-act-priority = Задать приоритет
p-act-depend-on = Ждёт задачу
p-act-depend = Ждать её
p-act-undepend = Не ждать больше
p-act-stop = Остановить…
p-stop-about = Агент закончит, ветка останется. Остановленная задача не продолжится.
p-stop-now = Остановить { $id }
p-skip-now = Пропустить сейчас
p-stage = Стадия
p-reason = Причина
p-comment-about = Слова для следующего агента; сами они ничего не делают.
p-more-acts = Что ещё можно
p-start-about = Никто не запустил.
p-start-unlisted = Задачи этого автора сами не запускаются. Сначала прочтите.
p-hands-about = Ветка у человека. Когда работа отправлена, верните её:
p-on-main-as = В основной ветке как { $commit }.
p-bring-home = Забрать к себе:
p-see-commit = Показать коммит
p-not-known = Не тронуто: это записал более новый выпуск.
p-roll-head = Как шло
p-roll-passed = пройдено
p-roll-back = возврат или сбой
p-roll-human = ждёт человека
p-roll-about = Цифры — попытки. Таблица ниже говорит то же.
p-roll-attempt = Попытка { $attempt }, { $role }: { $end }
p-roll-waited = Ожидание: { $who }
p-roll-name = История задачи: { $shown } { $count ->
        [one] попытка
        [few] попытки
       *[other] попыток
    }
p-rework-head = Что скажут следующей попытке
p-evidence-head = Почему пропущено
p-tests-of-candidate = Тесты кандидата
p-tests-of-head = Тесты ветки
p-verdict-of = { $role }, попытка { $attempt }
p-key-of-patch = правка
p-key-of-code = код
p-key-of-candidate = кандидат
p-holds = в силе
p-void = снято: { $why }
p-void-count = Больше не в силе: { $shown } { $count ->
        [one] вердикт
        [few] вердикта
       *[other] вердиктов
    }
p-void-not-the-branch = судья изменил проверяемое
p-void-new-patch = новая правка (попытка { $attempt })
p-void-new-code = новый код (попытка { $attempt })
p-void-new-candidate = новый кандидат
p-void-rejected = { $who } против
p-void-sent-back = задача возвращена
p-void-superseded = проверено заново
p-findings-head = Замечания
p-findings-block = { $shown } { $count ->
        [one] мешает
        [few] мешают
       *[other] мешают
    }
p-finding-new = новое
p-finding-still-open = открыто
p-finding-resolved = закрыто
p-finding-reopened = снова открыто
p-finding-seen-once = замечено в попытке { $attempt }
p-finding-seen = открыто в { $rounds } рецензиях: попытки с { $first } по { $last }
p-attempts-head = Попытки
p-col-who = Кто
p-col-end = Чем кончилось
p-col-time = Время
p-col-tokens = Токенов на входе
p-col-cost = Затраты
p-col-confined = Изоляция
p-log-of-attempt = Журнал попытки { $attempt }
p-log-of-check = Прогон тестов { $check }
p-run-running = в работе
p-run-completed = закончен
p-run-failed = сбой
p-run-timed-out = время вышло
p-run-stalled = молчал слишком долго
p-run-stopped = остановлен
p-run-lost = потерян
p-run-quarantined = конец не доказан
p-run-not-started = не запустился
p-run-unavailable = поставщик недоступен
p-run-over-budget = сверх бюджета
p-checks-head = Прогоны тестов
p-check-running = идут
p-check-green = зелёные
p-check-red = красные
p-check-unknown = неизвестно
p-check-flaky = с первой попытки красные
p-what-it-printed = Что напечатано
p-issue-head = Что требуется
p-history-all = все { $shown }
p-history-search = Кто, что или какое правило
p-used-head = Израсходовано
p-cached = из кэша
p-tokens-out = Токенов на выходе
p-model = Модель
p-facts = Сведения
p-fact-by = Автор
p-fact-branch = Ветка
p-fact-commit = Коммит
p-fact-priority = Приоритет
p-fact-retries = Повторы
p-fact-waits-for = Ждёт
p-limits = Действующие пределы
p-no-documents = Документов пока нет.
p-nothing-changed = Пока ничего не изменено.
p-weakened-head = Ослабленные тесты
p-test-deleted = удалён
p-test-lost = потеряно { $shown } { $count ->
        [one] строка
        [few] строки
       *[other] строк
    }
p-files = { $shown } { $count ->
        [one] файл
        [few] файла
       *[other] файлов
    }
p-lines-more = Ещё { $shown } { $count ->
        [one] строка
        [few] строки
       *[other] строк
    }
p-diff-cut = Это не всё; остальное в ветке.
p-logs = Журналы
p-log-search = Поиск в журнале
p-log-raw = Как есть
p-log-following = Слежу
p-log-follow-again = Следить снова
p-log-found = Найдено в { $shown } { $count ->
        [one] строке
        [few] строках
       *[other] строках
    }
p-log-older = Более ранние строки
p-log-newest = К концу
p-log-empty = Пока ничего не напечатано.
p-log-none = Ещё ничего не запускалось.
p-lane-of = Вливание: { $repository }
p-lane-about = что вливается в { $branch }, одно за другим
p-lane-pause = Пауза для { $repository }
p-lane-resume = Продолжить { $repository }
p-freeze = Заморозить…
p-freeze-why = Почему? Это прочтут все.
p-freeze-now = Заморозить { $repository }
p-unfreeze = Разморозить { $repository }
p-frozen-head = { $repository }: заморозка.
p-paused-head = { $repository }: пауза, новое не начинается.
p-to-land = К вливанию
p-in-line = { $shown } в очереди
p-nothing-to-land = К вливанию ничего нет.
p-to-start-head = К запуску
p-one-at-a-time = задачи по одной
p-many-at-a-time = много сразу
p-wait-to-start = ждёт { $shown } { $count ->
        [one] задача
        [few] задачи
       *[other] задач
    }
p-nothing-to-start = К запуску ничего нет.
p-lane-queued = в очереди
p-lane-admitted = впущена
p-lane-building = кандидат собирается
p-lane-testing = кандидат проверяется
p-lane-tested = проверена, ждёт подтверждения
p-lane-validated = готова к вливанию
p-lane-landing = вливается
p-lane-deploying = выкладывается
p-lane-mending = не работает, исправляется
p-lane-landed = влита
p-no-repository = Репозиториев нет.
p-slots-used = Занято мест для агентов: { $used } из { $most }
p-hosts = Машины
p-alive = отвечает
p-silent = молчит
p-waiting-head = Почему ждут
p-nothing-waits = Ничто не ждёт.
p-tasks = Задачи
p-ends = Закончится
p-rule = Правило
p-try-now = Попробовать сейчас
p-budgets = Бюджеты
p-budget-task = Задача
p-budget-repository = { $repository } сегодня
p-budget-day = Эта машина сегодня
p-of = из
p-set-aside = отложено
p-parked = Отложено: окончательный сбой
p-sweep = Поиск потерянных событий
p-sweep-last = Последний
p-sweep-none = Ещё не запускался.
p-sweep-found = Сдвинуто им: { $shown } { $count ->
        [one] задача
        [few] задачи
       *[other] задач
    }.
p-kind-human = Спрашивают человека
p-kind-held = Застряло
p-kind-repository = С репозиторием нельзя работать
p-kind-frozen = Репозиторий заморожен
p-kind-outage = Поставщик недоступен
p-kind-budget = Бюджет исчерпан
p-kind-slot = Нет свободного места
p-kind-lane = В очереди на вливание
p-kind-entry = В очереди на запуск
p-kind-dependency = Другая задача
p-kind-agent = Работает агент
p-kind-collecting = Результат запуска забирают
p-kind-check = Идут тесты
p-kind-branch = Проверяют отправленное
p-kind-paused = Пауза
p-kind-hands = Ветка у человека
p-kind-stopping = Останавливается
p-kind-backlog = Никто не запустил
p-ends-human = когда кто-то ответит
p-ends-held = с повтором или когда кто-то возьмёт ветку
p-ends-mended = само, когда исправят
p-ends-unfreeze = после разморозки
p-ends-itself = само
p-ends-budget = на следующий день или с деньгами
p-ends-resume = когда продолжат
p-ends-hands = когда вернут
p-ends-start = когда запустят
p-dead-count = { $shown } без успеха
p-dead-none = Всё дошло.
p-targets = Получатели
p-targets-none = Никому не сообщают: добавьте [[notify]] в файл машины.
p-target-ok = отвечает
p-target-refused = отказывает
p-target-down = не отвечает
p-outbox = Исходящее
p-message = Сообщение
p-target = Получатель
p-state = Состояние
p-acts = Действия
p-messages-none = Сообщений нет.
p-send-again = Отправить снова
p-drop = Отбросить
p-came-in = Входящее
p-delivery = Доставка
p-from = Откуда
p-deliveries-none = Ничего не приходило.
p-handle-again = Обработать снова
p-reread = Перечитать настройки
p-accept-base = Принять основную ветку как есть
p-accept-red-base = Работать, хотя красный
p-prefix = Префикс
p-order = Порядок
p-settings-about = Что действует сейчас; секретов здесь нет. Меняются в файле машины.
p-setting = Настройка
p-value = Значение
p-source = Источник
p-source-file = файл машины
p-source-variable = переменная
p-source-default = по умолчанию
p-role = Роль
p-role-admin = администратор
p-role-member = оператор
p-role-viewer = наблюдатель
p-role-of = Роль: { $who }
p-accounts = Учётные записи
p-account = Учётная запись
p-you = это вы
p-save = Сохранить
p-unlink = Отвязать
p-link-account = Привязать запись…
p-make-link = Ссылка для входа
p-link-once = Ссылка впустит один раз, в течение дня. Показана только сейчас.
p-forget = Забыть…
p-forget-about = Имя, записи и входы исчезнут; сделанное останется с номером записи.
p-forget-now = Забыть: { $who }
p-forgotten = забыто: { $shown }
p-person-add = Добавить человека
p-display = Показывать как
p-login-head = Войти
p-login-about = Войдите, чтобы видеть работу и решать то, что ждёт вас.
p-login-name = Имя
p-login-password = Пароль
p-login-first = Впервые или без пароля? Одноразовая ссылка:
p-login-wrong = Имя или пароль неверны.
p-login-too-often = Слишком много неверных паролей. Повторите через четверть часа или войдите по ссылке.
p-enter = Войти
p-enter-known = Ссылка впустит вас один раз.
p-enter-welcome = Добро пожаловать
p-enter-new = Вы здесь первый администратор. Скажите, кто вы; под этим именем вас знают настройки.
p-enter-over = Ссылка использована
p-enter-over-more = Или ей больше дня. Новая:
p-password-set = Задать пароль
p-password-new = Новый пароль
p-password-optional = Пароль, если хотите
p-password-about = Не меньше 10 символов. Без пароля вход только по ссылкам.
p-password-short = В пароле не меньше 10 символов.
p-password-there = Пароль задан. Чтобы убрать, сохраните пустой.
p-password-none = Пароля нет: вход по ссылкам.
p-password-kept = Сохранено. Остальные входы завершены.
p-password-gone = Убрано. Остальные входы завершены.
p-log-out = Выйти
p-look-head = Вид
p-language = Язык
p-keys-off = Без клавиш из одной буквы
p-new-title = Название
p-new-title-about = Одна строка: что требуется.
p-new-description = Что требуется и как понять, что готово
p-new-description-about = Markdown.
p-new-priority-about = Больше — раньше; обычно 0.
p-new-more = Ещё
p-new-labels = Метки через запятую
p-new-start = Создать и запустить
p-new-backlog = В запас
p-edit-save = Сохранить
p-edit-leave = Оставить как есть
p-edit-about = Одобренное для старого текста спросят снова.
p-opened = { $id } создана.
p-stored = Записано; будет обработано.
p-not-done = Не сделано.
p-not-found = Здесь ничего нет.
p-to-start = В начало
p-our-fault = Страница не получилась. Ничего не потеряно и не изменено.
p-refused = Не сделано
p-form-stale = Форма из другого входа. Ничего не изменено.
p-form-stale-more = Вернитесь, обновите страницу и нажмите снова.
p-form-too-long = Форма слишком длинная. Ничего не изменено.
p-reason-missing = Нет причины: скажите почему, одним предложением.
p-answer-missing = Ответ пуст.
p-comment-missing = Комментарий пуст.
p-task-missing = Назовите другую задачу.
p-priority-wrong = Приоритет — целое число.
p-act-unknown = Страница не знает такого действия; обновите её.
