import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

/**
 * An SMTP server on loopback that takes mail as told, and breaks off where it is told to (RFC 5321). Whoever needs a real one takes
 * Exim.
 */
export type SmtpPeer = AsyncDisposable & {
  host: string
  port: number
  /** Whole messages that were taken, as they came, with whom they were for. */
  taken: { from: string; to: string[]; text: string }[]
  /** How often a connection was made. */
  connections: number
  /** How the next connections are served, one after the other; then `{}` again. */
  behave: (...next: SmtpBehaviour[]) => void
  /** Resolves once so many messages were taken. */
  arrived: (count: number) => Promise<void>
}

/**
 * `drop`: the connection is cut at this point; `taken`: after the message was taken, before the answer to its end; `hang`: as
 * `taken`, but it stays open and silent. `refuse`: recipients that are not taken, with the answer. `data`: the answer to the end
 * of the message.
 */
export type SmtpBehaviour = {
  drop?: 'greeting' | 'mail' | 'rcpt' | 'data' | 'middle' | 'taken'
  hang?: boolean
  refuse?: Record<string, string>
  data?: string
  onTaken?: (text: string) => void | Promise<void>
}

export async function startSmtp(): Promise<SmtpPeer> {
  const taken: SmtpPeer['taken'] = []
  const sockets = new Set<Socket>()
  let next: SmtpBehaviour[] = []
  const peer = { connections: 0 }

  const server = createServer((socket) => {
    peer.connections++
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    serve(socket, next.shift() ?? {}, (mail) => taken.push(mail))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    taken,
    get connections() {
      return peer.connections
    },
    behave: (...behaviours) => void (next = behaviours),
    async arrived(count) {
      for (let tries = 0; tries < 400; tries++) {
        if (taken.length >= count) return
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
      throw new Error(`only ${taken.length} of ${count} mails were taken`)
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function serve(socket: Socket, how: SmtpBehaviour, keep: (mail: SmtpPeer['taken'][number]) => void): void {
  let waiting = ''
  let body: ReturnType<typeof messageBody> | undefined
  let mail = { from: '', to: [] as string[] }
  const say = (line: string) => void socket.write(`${line}\r\n`)
  const cut = (at: SmtpBehaviour['drop']): boolean => {
    if (how.drop === at) socket.destroy()
    return how.drop === at
  }

  async function end(text: string): Promise<void> {
    if (how.data !== undefined) return say(how.data)
    keep({ ...mail, text })
    await how.onTaken?.(text)
    if (how.hang || cut('taken')) return
    mail = { from: '', to: [] }
    say('250 2.0.0 taken')
  }

  function command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase()
    if (verb === 'EHLO' || verb === 'HELO') return say('250-localhost\r\n250-8BITMIME\r\n250 SMTPUTF8')
    if (verb === 'MAIL') {
      mail.from = between(line)
      return cut('mail') ? undefined : say('250 2.1.0 ok')
    }
    if (verb === 'RCPT') {
      if (cut('rcpt')) return
      const refusal = how.refuse?.[between(line)]
      if (refusal === undefined) mail.to.push(between(line))
      return say(refusal ?? '250 2.1.5 ok')
    }
    if (verb === 'DATA') {
      if (cut('data')) return
      body = messageBody()
      return say('354 go on')
    }
    if (verb !== 'QUIT') return say('250 ok')
    say('221 bye')
    socket.end()
  }

  function message(): boolean {
    if (cut('middle')) return false
    const stop = body!.findEnd()
    if (stop === undefined) return false
    body = undefined
    waiting = stop.rest
    void end(stop.text)
    return true
  }

  function line(): boolean {
    const at = waiting.indexOf('\r\n')
    if (at < 0) return false
    const text = waiting.slice(0, at)
    waiting = waiting.slice(at + 2)
    command(text)
    if (body) body.add(waiting)
    return true
  }

  socket.on('data', (chunk: Buffer) => {
    if (body) body.add(chunk.toString('latin1'))
    else waiting += chunk.toString('latin1')
    while (!socket.destroyed && (body ? message() : line()));
  })
  if (!cut('greeting')) say('220 localhost')
}

const between = (line: string): string => /<([^>]*)>/.exec(line)?.[1] ?? ''

/** What comes after DATA, in pieces, up to the line with nothing but a dot. */
function messageBody() {
  const pieces: string[] = []
  return {
    add: (piece: string): void => void (piece !== '' && pieces.push(piece)),

    findEnd(): { text: string; rest: string } | undefined {
      const tail = pieces.slice(-6).join('')
      if (!/(^|\r\n)\.\r\n/.test(tail)) return undefined
      const all = pieces.join('')
      const stop = /(^|\r\n)\.\r\n/.exec(all)!
      const text = Buffer.from(all.slice(0, stop.index + stop[1]!.length), 'latin1').toString('utf8')
      return { text: text.replace(/^\.\./gm, '.'), rest: all.slice(stop.index + stop[0].length) }
    },
  }
}
