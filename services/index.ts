import { createAccess } from './access.ts'
import { createAgentWork } from './agent-work.ts'
import { createAgents } from './agents.ts'
import { createAudit } from './audit.ts'
import { createBudgets } from './budgets.ts'
import { createCare } from './care.ts'
import { createCloseStack } from './close.ts'
import { createCredentials } from './credentials.ts'
import { createDoctor } from './doctor/doctor.ts'
import { createEventLog } from './event-log.ts'
import { createEvents } from './events.ts'
import { createFamilies } from './families.ts'
import { given } from './given.ts'
import { createGrants } from './grants.ts'
import { createHealth } from './health.ts'
import { createHouseLists } from './house-lists.ts'
import { createHouseSettings } from './house-settings.ts'
import { createIdempotency } from './idempotency.ts'
import { newId } from './ids.ts'
import { createMail } from './mail/mail.ts'
import { openVault } from './master-key.ts'
import { createMetrics } from './metrics.ts'
import { createModels } from './models/index.ts'
import { createMyFiles } from './my-files.ts'
import { createNotifications, type NotificationDraft } from './notifications.ts'
import { createPeople } from './people/people.ts'
import { createPersonalities } from './personality.ts'
import { createCanary } from './policy/canary.ts'
import { createLeaks } from './policy/leaks.ts'
import { mayBeTold } from './policy/told.ts'
import { createRecords } from './records.ts'
import { createRunDetails } from './runs/detail.ts'
import { createHistory } from './runs/history.ts'
import { createRunEngine } from './runs/run-engine.ts'
import { createScheduler } from './schedules/scheduler.ts'
import { createSchedules } from './schedules/schedules.ts'
import type { ServicesDeps } from './services-deps.ts'
import { createSettings } from './settings.ts'
import type { Intake } from './shapes/intake.ts'
import { createTallies } from './tallies.ts'
import { createTasks } from './tasks.ts'
import { TELEGRAM_WAY } from './telegram/door.ts'
import { createTelegram } from './telegram/telegram.ts'
import { createTools } from './tools/index.ts'
import { createRegistry } from './tools/registry.ts'
import { configuredEngine } from './tools/search-engines.ts'
import { createToolUses } from './tools/uses.ts'
import { createTranscript } from './transcript.ts'
import { createUsage } from './usage.ts'
import { createVitals } from './vitals.ts'
import { createWebhooks } from './webhooks/webhooks.ts'

export type Services = ReturnType<typeof createServices>

/** Everything the house does, put together once, from what knows nothing to what knows the most. */
export function createServices(deps: ServicesDeps) {
  const { config, folder, db, log, now, version } = deps
  const base = { db, now }
  const closing = createCloseStack(log)

  const vault = openVault({ db, dataDir: folder.dir, fromEnvironment: config.masterKey })
  const settings = createSettings(base)
  const audit = createAudit({ ...base, vault, settings, maskValue: (value) => credentials.maskValue(value) })
  const credentials = createCredentials({ ...base, vault, audit })
  vault.onRotated(credentials.alsoMask(vault.secrets))
  credentials.alsoMask(() => (config.cronSecret === undefined ? [] : [['CRON_SECRET', config.cronSecret]]))
  credentials.adopt(config.firstKeys)
  const leaks = createLeaks({ secrets: credentials.secrets })
  const masked = { ...base, mask: credentials.mask, maskValue: credentials.maskValue }

  const access = createAccess({
    ...base,
    dataDir: folder.dir,
    vault,
    audit,
    keyInEnvironment: config.masterKey !== undefined,
    mailer: deps.mailer ?? { configured: () => mail.house.configured(), send: (letter) => mail.house.send(letter) },
    publicUrl: config.publicUrl,
    onFault: (error) => log.error({ err: error }, 'a mail about a forgotten password was not sent'),
  })

  const mayWork = (userId: string) => access.users.find(userId)?.isActive === true
  const isAdmin = (userId: string) => access.users.find(userId)?.role === 'admin' && mayWork(userId)

  const { whitelists, listsOf, ...furtherLists } = createHouseLists({
    ...base,
    audit,
    dataDir: folder.dir,
    programDir: deps.programDir,
    filesDir: folder.files,
    allowedPrivateHosts: config.allowedPrivateHosts,
  })
  const webhooks = createWebhooks({
    ...base,
    newId,
    version,
    privateHosts: config.allowedPrivateHosts,
    edge: deps.edge,
    vault,
    audit,
    alsoMask: credentials.alsoMask,
    maskValue: credentials.maskValue,
    paused: (door) => door !== 'telegram' && settings.get('paused'),
    doors: { telegram: TELEGRAM_WAY },
    deliverTelegram: (message, way) => telegram.deliver(message, way),
    notify: (note) => notifications.add(note),
    mail: () => mail.door,
    log,
  })
  settings.onChange(({ paused }) => paused === false && webhooks.outbox.look())
  closing.add('outbox', () => webhooks.outbox.close())
  const { tools, trash, fileLabels, outgoing, reader } = createTools({
    ...base,
    newId,
    version,
    webhooks,
    trashDir: folder.trash,
    privateHosts: config.allowedPrivateHosts,
    edge: deps.edge,
    pageWorker: deps.workers.page,
    folders: () => whitelists.folders().map((entry) => ({ path: entry.path, writtenBy: entry.written_by })),
    ownFolder: (userId) => myFiles.folderOf(userId),
    timezone: config.timezone,
    mail: () => mail,
    telegramChats: { list: (...of) => telegram.chats.list(...of), find: (...of) => telegram.chats.find(...of) },
    searchEngine: () => configuredEngine(credentials.find),
    whitelists,
    isAdmin,
    offeredTo: (runId) => offeredTo(runId),
    otherAgents: { names: (userId) => agents.names(userId), ask: (call) => subAgents.ask(call) },
  })
  const myFiles = createMyFiles({ db, folder, newId, settings, trash, fileLabels, audit, log })
  closing.add('outgoing requests', () => Promise.all([outgoing.close(), reader.close()]))

  const notify = (note: NotificationDraft) => void notifications.add(note)
  const shared = { newId, vault, audit, settings, credentials, outgoing, closing, notify }
  const own = { whitelists, isAdmin, ownFolder: myFiles.folderOf, myFiles, reader, models: () => models }
  const families = createFamilies({ ...deps, ...shared, ...own })

  const models = createModels({
    credentials,
    baseUrls: given(config.baseUrls),
    now: () => now().getTime(),
    log,
    defaultModel: () => settings.get('default_model') ?? undefined,
    defaultProvider: () => settings.get('default_provider') ?? undefined,
    privateOk: (provider) => mayBeTold(provider, 'private', settings.get('public_only_providers')),
  })

  const events = createEvents({
    ...base,
    maskValue: credentials.maskValue,
    onFault: (error) => log.error({ err: error }, 'a listener failed'),
  })
  const notifications = createNotifications({ ...base, events, mask: credentials.mask, mail: () => mail.notices })
  const usage = createUsage({ ...base, timezone: config.timezone })
  const budgets = createBudgets({ ...base, timezone: config.timezone, settings, usage, notify: notifications.add, log })
  closing.add('budgets', () => budgets.close())
  const personalities = createPersonalities({ ...base, audit })
  const { conversations, runStore, journal, approvals } = createRecords(masked)
  const grants = createGrants({ ...base, timezone: config.timezone, audit })
  const all = [...tools, ...families.tools, ...deps.furtherTools]
  const registry = createRegistry(all, deps.toolSchemaFile, families.coming)
  const toolNames = new Set(registry.tools().map(({ name }) => name))
  const tallies = createTallies({ db, isTool: (name) => toolNames.has(name) })

  const schedules = createSchedules({ ...base, timezone: config.timezone })
  const staff = { ...base, audit, grants, schedules, models, registry, timezone: config.timezone }
  const agents = createAgents(staff)
  const tasks = createTasks({ ...staff, agents })
  const persons = { alsoMask: credentials.alsoMask, persona: personalities.get, user: access.users.find, mayWork }
  const submit = (intake: Intake) => runs.submit(intake)
  const works = { ...persons, newId, vault, settings, agents, whitelists, notify: notifications.add, submit }
  const told = { approvals, runStore, tasks, publicUrl: config.publicUrl }
  const mail = createMail({ ...deps, ...staff, ...works, ...told, webhooks, lists: listsOf })
  closing.add('mail', () => mail.close())
  const givesAway = (value: unknown) => leaks.find(value).some(({ form }) => form !== 'shape')
  const { engine, queue, decisions, runs, subAgents, control, offeredTo } = createRunEngine({
    ...staff,
    log,
    store: runStore,
    journal,
    approvals,
    uses: createToolUses({ db, names: (userId) => registry.tools(userId).map(({ name }) => name) }),
    settings,
    conversations,
    events,
    notifications,
    budgets,
    credentials,
    tallies,
    canary: createCanary({ vault }),
    givesAway,
    agents,
    tasks,
    persona: personalities.get,
    lists: listsOf,
    recall: families.parts.memory.recall,
    mayWork,
    handled: mail.handled,
    cancelSends: (runId, why) => webhooks.outbox.cancel({ runId }, why),
  })
  const isUnfinished = (id: string) => runStore.find(id)?.endedAt === null
  const scheduler = createScheduler({ ...deps, ...staff, ...works, tasks, isUnfinished })
  closing.add('scheduler', () => scheduler.stop())
  const talk = {
    runs,
    runStore,
    engine,
    control,
    decisions,
    approvals,
    events,
    conversations,
    givesAway,
    mask: credentials.mask,
  }
  const phone = { outbox: webhooks.outbox, lists: listsOf, mailChatOf: mail.messages.chatOf }
  const telegram = createTelegram({ ...deps, ...staff, ...works, ...talk, ...phone })
  closing.add('telegram', () => telegram.close())
  const history = createHistory({ db, agents, tasks })
  const eventLog = createEventLog({ db })
  const transcript = createTranscript({
    store: runStore,
    journal,
    approvals,
    engine,
    events,
    log: eventLog,
    maskValue: credentials.maskValue,
  })
  const record = { store: runStore, history, transcript, log: eventLog, emails: mail.messages }
  const runDetails = createRunDetails({ ...staff, agents, tasks, ...record })
  const idempotency = createIdempotency({ ...masked, vault })
  const watched = { models, settings, scheduler, mail: mail.listeners, telegram, trouble: () => care.backups.problem() }
  const health = createHealth({ ...base, vault, dataDir: folder.dir, ...watched })
  const vitals = createVitals({ db, folder, now, version })
  const people = createPeople({ ...base, ...access, audit, usage, runs, folder })
  const swept = { idempotency, trash, events, notifications, grants, emails: mail.messages }
  const kept = { ...access, ...swept, audit, vault, settings, credentials }
  const care = createCare({ ...deps, ...kept, worker: deps.workers.backup })

  return {
    ...kept,
    ...care,
    people,
    version,
    now,
    db,
    whitelists,
    ...furtherLists,
    ...families.parts,
    webhooks,
    mail,
    telegram,
    myFiles,
    models,
    usage,
    budgets,
    ...createHouseSettings({ db, settings, audit, models }),
    personalities,
    conversations,
    runStore,
    approvals,
    registry,
    decisions,
    runs,
    control,
    agents,
    agentWork: createAgentWork({ runs }),
    tasks,
    schedules,
    history,
    runDetails,
    eventLog,
    engine,
    transcript,
    doctor: createDoctor({ ...base, config }),
    health,
    vitals,
    tallies,
    metrics: createMetrics({ db, tallies, health, vitals, control, mail: mail.listeners, outbox: webhooks.outbox }),

    /** Takes up the work where it lay, and begins to look after the house. */
    start(): void {
      void myFiles.recover()
      webhooks.outbox.start()
      mail.start()
      const recovered = runs.recover()
      if (Object.values(recovered).some((count) => count > 0)) log.info(recovered, 'took up the work where it lay')
      decisions.watch()
      scheduler.start()
      mail.listeners.start()
      telegram.start()
      care.housekeeping.start(closing)
      care.backups.start(closing)
      budgets.watch()
      credentials.onChange(() => void models.list())
      if (access.users.exist()) setImmediate(() => void models.list())
    },

    /** Lets what goes finish, for a while; then stops everything. */
    async stop(graceMs: number): Promise<void> {
      queue.close()
      decisions.close()
      await engine.drain(graceMs)
      await closing.run()
    },
  }
}
