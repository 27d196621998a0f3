import type { Actor, Audit } from '../audit.ts'
import { AppError, invalidField } from '../errors.ts'
import { createLiveness } from '../liveness.ts'
import type { Log } from '../log.ts'
import { createBotApi, type BotApi, type Update } from './api.ts'
import type { Bot, Bots, Identity } from './bots.ts'
import { TelegramFault } from './faults.ts'
import { createLine, type Line } from './line.ts'
import { createPoller, type Poller, type PollStatus } from './poller.ts'

export type SwitchboardDeps = {
  bots: Bots
  audit: Pick<Audit, 'record'>
  log: Pick<Log, 'warn'>
  now: () => Date
  notify: Parameters<typeof createLiveness>[0]['notify']
  /** Telegram's own when undefined. */
  apiRoot: string | undefined
  mayWork: (userId: string) => boolean
  /** Before a bot listens. */
  onBegin: (userId: string) => void
  commands: readonly { command: string; description: string }[]
  take: (bot: Bot, api: BotApi, updates: Update[], signal: AbortSignal) => Promise<number | undefined>
}

export type BotSettings = {
  token?: string | null | undefined
  enabled?: boolean | undefined
  defaultAgentId?: string | null | undefined
  maxAgeS?: number | undefined
  deadlineS?: number | undefined
  notices?: Bot['notices'] | undefined
}

const STOPPED: PollStatus = { status: 'stopped', lastError: null, heardAt: null }

/** The bots that listen: switched on and off, given a token and taken one, without a restart of anything else. */
export function createSwitchboard(deps: SwitchboardDeps) {
  const { bots } = deps
  const lines = new Map<string, Line>()
  const pollers = new Map<string, Poller>()
  /** Changes of one bot come one after the other. */
  const turns = new Map<string, Promise<void>>()
  let open = false

  /** Throws `conflict` where there is no bot. */
  function lineOf(userId: string): Line {
    const token = bots.tokenOf(userId)
    if (token === undefined) throw new AppError('conflict', 'There is no bot yet: give its token first.')
    const known = lines.get(userId)
    if (known?.api.token === token) return known
    const line = createLine(createBotApi({ token, apiRoot: deps.apiRoot }))
    lines.set(userId, line)
    return line
  }

  /** Throws `invalid` for a token that Telegram does not know. */
  async function identify(token: string): Promise<Identity> {
    try {
      return identityOf(await createBotApi({ token, apiRoot: deps.apiRoot }).me())
    } catch (error) {
      if (!(error instanceof TelegramFault)) throw error
      if (error.fate === 'refused' && error.code < 429) throw invalidField('bot_token', error.message)
      throw new AppError('upstream_failed', error.message, { cause: error })
    }
  }

  /** Tells the owner of an outage of their bot, and of its end. */
  function watchOver({ userId, username, deadlineS }: Bot) {
    const onFault = (error: unknown) => deps.log.warn({ err: error }, 'the owner could not be told')
    const liveness = createLiveness({ deadlineMs: () => deadlineS * 1_000, notify: deps.notify, onFault })
    return liveness.watch({ userId, name: `The Telegram bot @${username}` })
  }

  function begin(bot: Bot): void {
    const { userId, enabled, botId } = bot
    if (botId !== null) deps.onBegin(userId)
    if (!open || !enabled || botId === null || !deps.mayWork(userId)) return
    const { api } = lineOf(userId)
    const poller = createPoller({
      api,
      watch: watchOver(bot),
      deadlineS: bot.deadlineS,
      now: deps.now,
      greet: () => greet(userId, api),
      take: (updates, signal) => deps.take(bots.find(userId), api, updates, signal),
      onStatus: ({ status }, error) => {
        if (status === 'error') deps.log.warn({ err: error, user: userId }, 'the Telegram bot is in trouble')
      },
    })
    pollers.set(userId, poller)
    poller.start()
  }

  /** A webhook that somebody set once would keep everything from us; nothing that waits is dropped. */
  async function greet(userId: string, api: BotApi): Promise<void> {
    bots.called(userId, identityOf(await api.me()))
    await api.call('deleteWebhook', { drop_pending_updates: false })
    await api.call('setMyCommands', { commands: [...deps.commands], scope: { type: 'all_private_chats' } })
  }

  function restart(userId: string): Promise<void> {
    const next = (turns.get(userId) ?? Promise.resolve()).then(async () => {
      const poller = pollers.get(userId)
      pollers.delete(userId)
      await poller?.stop()
      begin(bots.find(userId))
    })
    turns.set(userId, next)
    return next
  }

  async function set(userId: string, change: BotSettings, by: Actor): Promise<void> {
    const { token, ...rest } = change
    const value = token === undefined ? undefined : token?.trim() || null
    const checked = typeof value === 'string' ? { value, of: await identify(value) } : value
    bots.change(userId, { ...rest, token: checked }, by)
    const anew = checked !== undefined || rest.enabled !== undefined || rest.deadlineS !== undefined
    if (anew) await restart(userId)
  }

  return {
    lineOf,
    set,

    /** What the owner is told of their bot. */
    config(userId: string): Bot & PollStatus {
      return { ...bots.find(userId), ...(pollers.get(userId)?.status() ?? STOPPED) }
    },

    /** Switches the bot on or off, or off and on again. Throws `conflict` where there is none. */
    async turn(userId: string, how: 'on' | 'off' | 'anew', by: Actor): Promise<void> {
      lineOf(userId)
      if (how !== 'anew') return set(userId, { enabled: how === 'on' }, by)
      deps.audit.record({ kind: 'telegram', action: 'bot restarted', by })
      return restart(userId)
    },

    /** Whether some bot does not work that should; `off` where there is none. */
    trouble(): 'off' | 'trouble' | undefined {
      const on = bots.all().filter(({ enabled, botId }) => enabled && botId !== null)
      if (on.length === 0) return 'off'
      return on.some(({ userId }) => pollers.get(userId)?.status().status === 'error') ? 'trouble' : undefined
    },

    start(): void {
      open = true
      for (const bot of bots.all()) begin(bot)
    },

    async close(): Promise<void> {
      open = false
      await Promise.all([...turns.values(), ...[...pollers.values()].map((poller) => poller.stop())])
    },
  }
}

function identityOf(me: { id: number; username: string; first_name: string }): Identity {
  return { botId: String(me.id), username: me.username, name: me.first_name }
}
