import { computed, signal, type ReadonlySignal } from '@preact/signals'
import type { ServerFrame } from '../../../services/shapes/frames.ts'
import { api, ApiError } from '../api.ts'
import { decide, refreshPending, type Decision } from '../pending.ts'
import { refreshRecentSoon } from '../recent.ts'
import { namedHosts } from './hosts.ts'
import { clearedItem, itemsOf, noticeItem, runItem, sentItem, userItem, type Item, type RunItem } from './items.ts'
import { takeModels } from './models.ts'
import { isSettled, newRun, nextRun, shows, textOf, withArguments } from './run-state.ts'
import { openSocket, type ChatSocket, type Link } from './socket.ts'
import { createTextBuffer } from './text-buffer.ts'
import type { Integrity, OutgoingMessage, StoredConversation } from './types.ts'

export type Conversation = ReturnType<typeof createConversation>

/** A conversation as the page holds it: its record, the line to the server, and what one can do. */
export function createConversation(id: string) {
  const items = signal<Item[]>([])
  const title = signal('')
  const loaded = signal(false)
  const problem = signal<unknown>(null)
  const link = signal<ReadonlySignal<Link> | null>(null)
  const active = signal<ReadonlySet<string>>(new Set())
  const said = signal('')
  const webOpen = signal(false)
  const agent = signal<string | null>(null)
  const hosts = computed(() => namedHosts(items.value))
  const buffer = createTextBuffer((runId, content) => change(runId, { type: 'text', content, run_id: runId }))
  const models = new Map<string, string | null>()
  let socket: ChatSocket | undefined
  let integrity: Integrity = 'owner'
  let lastSeq = 0
  let closed = false

  async function load(): Promise<void> {
    problem.value = null
    try {
      take(await api.get<StoredConversation>(`/api/conversations/${id}`))
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) return void (problem.value = error)
    }
    loaded.value = true
    if (closed) return
    if (socket) socket.reopen()
    else connect()
  }

  function take(record: StoredConversation): void {
    buffer.drop()
    const unsent = items.value.filter((item) => item.kind === 'user' && item.state !== 'sent')
    items.value = [...itemsOf(record), ...unsent]
    title.value = record.title
    integrity = record.integrity
    webOpen.value = record.web_open ?? webOpen.value
    agent.value = record.agent_id ?? agent.value
    lastSeq = record.last_seq
    active.value = new Set(
      runs()
        .filter((item) => !isSettled(item.run.value))
        .map(({ key }) => key),
    )
  }

  function connect(): void {
    socket = openSocket({
      id,
      after: () => lastSeq,
      onFrame: receive,
      onCaughtUp: flushOutbox,
      onTrouble: () => void api.get('/api/auth/me').catch(() => undefined),
    })
    link.value = socket.link
  }

  const runs = (): RunItem[] => items.value.filter((item) => item.kind === 'run')

  function receive(frame: ServerFrame): void {
    const seq = 'seq' in frame ? frame.seq : undefined
    if (seq !== undefined) {
      if (seq <= lastSeq) return
      lastSeq = seq
    }
    if (frame.type === 'models') return takeModels(frame.models, frame.default)
    if (frame.type === 'gap') return void load()
    if (frame.type === 'user_message') return userSaid(frame)
    if (frame.run_id === undefined) return aside(frame)
    if (frame.type === 'text') return buffer.add(frame.run_id, frame.content)
    buffer.flush()
    change(frame.run_id, frame)
    afterwards(frame.run_id, frame)
  }

  /** Frames that belong to no run: a refusal of what was sent last. */
  function aside(frame: ServerFrame): void {
    if (frame.type !== 'error') return
    const waiting = items.value.find((item) => item.kind === 'user' && item.state === 'sending')
    if (waiting?.kind === 'user') return replace(waiting.key, { ...waiting, state: 'failed', problem: frame.error })
    items.value = [...items.value, noticeItem(frame)]
  }

  function userSaid(frame: Extract<ServerFrame, { type: 'user_message' }>): void {
    const mine = items.value.find(
      (item) => item.kind === 'user' && item.state !== 'sent' && item.content === frame.content && frame.by === 'web',
    )
    const shown = userItem(frame, mine?.kind === 'user' ? mine.attachments : undefined)
    const rest = items.value.filter((item) => item !== mine && item.key !== shown.key)
    const before = frame.run_id ? rest.findIndex((item) => item.key === frame.run_id) : -1
    items.value = before < 0 ? [...rest, shown] : rest.toSpliced(before, 0, shown)
    if (frame.run_id && mine?.kind === 'user') models.set(frame.run_id, mine.outgoing?.model ?? null)
    if (frame.attachments.length > 0 || frame.by !== 'web') integrity = 'third_party'
    refreshRecentSoon()
  }

  function change(runId: string, frame: ServerFrame): void {
    const item = runs().find(({ key }) => key === runId) ?? addRun(runId)
    item.run.value = nextRun(item.run.value, frame)
    if (item.run.value.integrity === 'third_party') integrity = 'third_party'
    if (active.value.has(runId) === isSettled(item.run.value)) mark(runId, !isSettled(item.run.value))
  }

  function addRun(runId: string): RunItem {
    const item = runItem({ ...newRun(runId, integrity), model: models.get(runId) ?? null })
    items.value = [...items.value, item]
    return item
  }

  function mark(runId: string, on: boolean): void {
    const next = new Set(active.value)
    if (on) next.add(runId)
    else next.delete(runId)
    active.value = next
  }

  function afterwards(runId: string, frame: ServerFrame): void {
    if (frame.type === 'confirmation_required') {
      said.value = `Steward asks: ${frame.description}`
      void refreshPending()
    }
    if (frame.type === 'confirmation_closed') void refreshPending()
    if (frame.type !== 'done') return
    const run = runs().find(({ key }) => key === runId)?.run.value
    said.value = frame.text ? `Steward answered: ${frame.text.slice(0, 600)}` : 'Steward has finished.'
    refreshRecentSoon()
    if (run && (!run.exact || !shows(run, frame.text))) void load()
  }

  function replace(key: string, next: Item): void {
    items.value = items.value.map((item) => (item.key === key ? next : item))
  }

  function send(message: OutgoingMessage): void {
    const item = sentItem(message)
    if (message.web) webOpen.value = true
    agent.value = message.agent_id ?? agent.value
    items.value = [...items.value, item]
    if (link.value?.value === 'open') deliver(item.key)
  }

  function deliver(key: string): void {
    const item = items.value.find((each) => each.key === key)
    if (item?.kind !== 'user' || !item.outgoing) return
    const { content, model, agent_id, web, attachments } = item.outgoing
    const files = attachments.map(({ name, media_type, data }) => ({ name, media_type, data }) as never)
    const sent = socket?.send({
      type: 'message',
      content,
      ...(model ? { model } : {}),
      ...(agent_id ? { agent_id } : {}),
      ...(web ? { web } : {}),
      ...(files.length ? { attachments: files } : {}),
    })
    replace(key, { ...item, state: sent ? 'sending' : 'unsent' })
  }

  /** What was never handed over goes now; what was handed over and did not come back is offered again. */
  function flushOutbox(): void {
    for (const item of items.value) {
      if (item.kind !== 'user') continue
      if (item.state === 'unsent') deliver(item.key)
      if (item.state === 'sending')
        replace(item.key, { ...item, state: 'failed', problem: 'The line broke while this was sent.' })
    }
  }

  function clear(): boolean {
    if (!socket?.send({ type: 'clear' })) return false
    integrity = 'owner'
    webOpen.value = false
    if (items.value.at(-1)?.kind !== 'cleared') items.value = [...items.value, clearedItem()]
    return true
  }

  async function confirm(callId: string, decision: Decision): Promise<void> {
    if (!socket?.send({ type: 'confirm', call_id: callId, ...decision })) await decide(callId, decision)
    const { arguments: changed } = decision
    const asking = runs().find(({ run }) =>
      run.value.parts.some((part) => part.type === 'tool' && part.call_id === callId),
    )
    if (changed && asking) asking.run.value = withArguments(asking.run.value, callId, changed)
  }

  function close(): void {
    closed = true
    buffer.drop()
    socket?.close()
  }

  return {
    id,
    items,
    title,
    loaded,
    problem,
    link,
    active,
    said,
    webOpen,
    agent,
    hosts,
    load,
    send,
    resend: deliver,
    discard: (key: string) => void (items.value = items.value.filter((item) => item.key !== key)),
    stop: () => socket?.send({ type: 'stop' }) ?? false,
    clear,
    confirm,
    close,
    answerText: (item: RunItem) => textOf(item.run.value),
  }
}
