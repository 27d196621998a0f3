import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { AppError } from '../services/errors.ts'
import type { Told } from '../services/events.ts'
import type { Decision } from '../services/policy/approvals.ts'
import { effectiveScopes, type Scope } from '../services/shapes/api-key.ts'
import { CHANNELS, ClientFrame, MAX_ATTACHMENT_BYTES, type SocketFrame } from '../services/shapes/frames.ts'
import type { IntakeAttachment } from '../services/shapes/intake.ts'
import type { Who } from '../services/who.ts'
import { channelOf, isWanted } from './channels.ts'
import type { ChatSocketDeps } from './chat-socket.ts'
import { refuseDeep } from './depth.ts'
import { asAppError } from './errors.ts'
import { gathered } from './gathered.ts'

/** A reader with so many bytes unread is too slow: it is closed and resumes by `?after=`. */
const MAX_BUFFERED = 1024 * 1024
const TOO_SLOW = 'Too slow; reconnect with ?after=<your last seq>'
const SLOW_CLOSE_MS = 5_000

/** While old frames are sent, this many at a time, and no more before the reader has taken most of them. */
const REPLAY_PAGE = 200
const REPLAY_PAUSE_MS = 20

type Place = { who: Who; conversationId: string; after: number | undefined; stream: Duplex }

/** One socket on one conversation, from its first frame to its end. */
export function converse(socket: WebSocket, place: Place, { services, log }: ChatSocketDeps): void {
  const { conversationId } = place
  const userId = place.who.user.id
  const channels = new Set<string>()
  const leave: (() => void)[] = []
  let followsUser = false

  const gather = gathered(place.stream)
  const deliver = (wire: string): void => {
    gather()
    sendTo(socket, wire)
  }
  const send = (frame: SocketFrame): void => deliver(JSON.stringify(frame))
  const complain = (error: unknown): void => {
    const { message, code, detail } = asAppError(error, (bug) => log.error({ err: bug }, 'frame failed'))
    const frame = { type: 'error' as const, error: message, code, ...(detail === undefined ? {} : { detail }) }
    send(services.credentials.maskValue(frame) as typeof frame)
  }

  socket.on('close', () => leave.splice(0).forEach((stop) => stop()))
  socket.on('error', (error) => log.debug({ err: error }, 'socket broke'))
  socket.on('message', (data) => {
    try {
      Promise.resolve(receive(data)).catch(complain)
    } catch (error) {
      complain(error)
    }
  })
  join(place.after ?? services.events.head()).catch((error: unknown) => {
    log.error({ err: error }, 'could not join a conversation')
    socket.close(1011, 'Something went wrong')
  })

  /** First the models, then what was missed, then the state of what goes on; from there on everything as it happens. */
  async function join(after: number): Promise<void> {
    const { models, default: standard } = await services.models.list()
    send({ type: 'models', models, default: standard })
    const known = services.conversations.find(conversationId)
    if (known && known.userId !== userId) return socket.close(1008, 'Not your conversation')
    const trimmed = known?.trimmedTo ?? 0
    if (place.after !== undefined && after < trimmed)
      send({ type: 'gap', oldest: services.events.oldest(conversationId) ?? trimmed + 1 })
    let cursor = after
    while (socket.readyState === socket.OPEN) {
      const page = services.events.after(conversationId, cursor, services.events.head(), REPLAY_PAGE)
      if (page.length === 0) break
      await replay(page)
      cursor = page.at(-1)!.seq
    }
    if (socket.readyState !== socket.OPEN) return
    // @NOTE no await between the last page and listening, so no frame can fall in the gap.
    leave.push(services.events.follow(conversationId, (told) => told.userId === userId && deliver(told.wire)))
    for (const run of services.runs.active(conversationId)) {
      if (run.status !== 'queued' || run.startedAt !== null)
        deliver(JSON.stringify({ ...services.engine.stateOf(run), run_id: run.id }))
    }
  }

  /** Sends old frames no faster than the reader takes them. */
  async function replay(frames: { wire: string }[]): Promise<void> {
    for (const { wire } of frames) {
      await drained(socket)
      deliver(wire)
    }
  }

  function receive(data: RawData): unknown {
    const frame = parseFrame(data)
    const who = place.who.fresh()
    if (!who) return socket.close(1008, 'Signed out')
    if (frame.type === 'ping') return send({ type: 'pong' })
    if (frame.type === 'message') return message(frame, who)
    if (frame.type === 'confirm') return confirm(frame, who)
    if (frame.type === 'stop') return needs(who, 'run') && services.runs.stopCurrent(owned(who))
    if (frame.type === 'clear')
      return needs(who, 'run') && services.runs.clear(userId, conversationId, who.actor, who.input)
    return subscribe(frame, who)
  }

  function message(frame: Extract<ClientFrame, { type: 'message' }>, who: Who): void {
    needs(who, 'run')
    services.runs.submit({
      door: who.by === 'api' ? 'api' : 'web',
      address: conversationId,
      userId,
      conversationId,
      origin: 'chat',
      by: who.by,
      attended: true,
      integrity: who.input,
      text: frame.content,
      attachments: attachmentsOf(frame.attachments ?? []),
      agentId: frame.agent_id,
      model: frame.model,
      web: frame.web,
      apiKeyId: who.via === 'key' ? who.keyId : undefined,
    })
  }

  async function confirm(frame: Extract<ClientFrame, { type: 'confirm' }>, who: Who): Promise<void> {
    needs(who, 'approve')
    const decider = { userId, by: who.by, actor: who.actor, apiKeyId: who.via === 'key' ? who.keyId : undefined }
    const approval = services.decisions.questionOf(userId, frame.call_id, conversationId)
    await services.decisions.decide(decider, approval.id, decisionOf(frame))
  }

  /** The conversation, if it is this user's; there is nothing to stop in one that does not exist. */
  function owned(who: Who): string {
    const conversation = services.conversations.find(conversationId)
    if (conversation && conversation.userId !== who.user.id)
      throw new AppError('not_found', 'There is no such conversation.')
    return conversationId
  }

  function subscribe(frame: Extract<ClientFrame, { type: 'subscribe' | 'unsubscribe' }>, who: Who): void {
    needs(who, 'read')
    const wanted = frame.channels.flatMap(namedChannels)
    for (const channel of wanted) frame.type === 'subscribe' ? channels.add(channel) : channels.delete(channel)
    if (followsUser || channels.size === 0) return
    followsUser = true
    leave.push(services.events.followUser(userId, tellOther))
  }

  function tellOther(told: Told): void {
    const channel = channelOf(told.frame)
    if (!isWanted(channel, channels)) return
    const data = {
      ...told.frame,
      run_id: told.runId,
      conversation_id: told.conversationId,
      ...(told.seq === null ? {} : { seq: told.seq }),
    }
    send({ type: 'event', channel, ...(told.agentId ? { agent_id: told.agentId } : {}), data })
  }
}

function decisionOf(frame: Extract<ClientFrame, { type: 'confirm' }>): Decision {
  const { approved, decision, note, arguments: args, remember } = frame
  if (decision !== undefined) return { decision, note }
  if (approved === undefined) throw new AppError('invalid', 'Say "approved": true or false.')
  return { approved, note, arguments: args, remember }
}

/** A channel by name; `agent.*` names all of them. */
function namedChannels(name: string): string[] {
  if (name === 'agent.*') return CHANNELS.filter((channel) => channel.startsWith('agent.'))
  if ((CHANNELS as readonly string[]).includes(name)) return [name]
  throw new AppError('invalid', `There is no channel ${name}. There are: ${CHANNELS.join(', ')}, agent.*.`)
}

function needs(who: Who, scope: Scope): true {
  if (who.via === 'session' || effectiveScopes(who.scopes).has(scope)) return true
  throw new AppError('forbidden', `This API key lacks the scope ${scope}.`)
}

function parseFrame(data: RawData): ClientFrame {
  const text = Array.isArray(data) ? Buffer.concat(data).toString('utf8') : Buffer.from(data as Buffer).toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new AppError('invalid', 'That frame is not valid JSON.')
  }
  refuseDeep(value)
  const result = ClientFrame().safeParse(value)
  if (result.success) return result.data
  const detail = result.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }))
  throw new AppError(
    'invalid',
    `That frame is not one Steward knows: ${detail[0]?.path || 'type'}: ${detail[0]?.message}.`,
    { detail },
  )
}

function attachmentsOf(
  files: NonNullable<Extract<ClientFrame, { type: 'message' }>['attachments']>,
): IntakeAttachment[] {
  const decoded = files.map((file) => ({
    name: file.name,
    mediaType: file.media_type,
    data: Buffer.from(file.data, 'base64'),
  }))
  const bytes = decoded.reduce((sum, file) => sum + file.data.length, 0)
  if (bytes > MAX_ATTACHMENT_BYTES) throw new AppError('too_large', 'The attachments are larger than 20 MiB together.')
  return decoded
}

/** Never waits for a slow reader. */
function sendTo(socket: WebSocket, wire: string): void {
  if (socket.readyState !== socket.OPEN) return
  if (socket.bufferedAmount <= MAX_BUFFERED) return socket.send(wire)
  socket.close(1013, TOO_SLOW)
  setTimeout(() => socket.terminate(), SLOW_CLOSE_MS).unref()
}

/** Resolves when the reader has taken most of what was sent, or is gone. */
async function drained(socket: WebSocket): Promise<void> {
  while (socket.readyState === socket.OPEN && socket.bufferedAmount > MAX_BUFFERED / 4) {
    await new Promise((resolve) => setTimeout(resolve, REPLAY_PAUSE_MS))
  }
}
