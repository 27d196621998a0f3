import { createSocket } from 'node:dgram'
import { promises as dns } from 'node:dns'
import { once } from 'node:events'
import { isIP } from 'node:net'
import type { Lookup } from '../../services/outgoing/connect.ts'

/** A name server on loopback that says what the test wants, also something else each time. */

export type NameServer = AsyncDisposable & {
  /** Asks it over UDP for both families, as a system that is pointed at it would. */
  lookup: Lookup
  /** What it answers for a name: one list of addresses for each time it is asked, the last one again and again. */
  tell: (name: string, ...answers: Answer[]) => void
  /** How often it was asked for an address of this name (both families count once). */
  asked: (name: string) => number
}

/** Addresses of both families; `alias` puts a CNAME before them; a word is a fault. */
export type Answer = string[] | { alias: string; addresses: string[] } | 'no such name' | 'failed' | 'silence'

const A = 1
const CNAME = 5
const AAAA = 28
const CODES: Record<string, number> = { 'no such name': 3, failed: 2 }

type Question = { id: number; name: string; type: number; bytes: Buffer }

export async function startNameServer(): Promise<NameServer> {
  const told = new Map<string, Answer[]>()
  const asked = new Map<string, number>()
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    const question = readQuestion(message)
    const answer = answerTo(question)
    if (answer !== 'silence') socket.send(reply(question, answer), from.port, from.address)
  })

  /** Both families of one lookup get the same answer: AAAA is asked after A. */
  function answerTo({ name, type }: Question): Answer {
    const answers = told.get(name) ?? ['no such name']
    if (type === A) asked.set(name, (asked.get(name) ?? 0) + 1)
    return answers[Math.min(asked.get(name) ?? 1, answers.length) - 1]!
  }

  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const resolver = new dns.Resolver({ timeout: 300, tries: 1 })
  resolver.setServers([`127.0.0.1:${socket.address().port}`])

  return {
    async lookup(name) {
      const four = await found(resolver.resolve4(name))
      const six = await found(resolver.resolve6(name))
      return [...four.map((address) => ({ address, family: 4 })), ...six.map((address) => ({ address, family: 6 }))]
    },
    tell: (name, ...answers) => void (told.set(name, answers), asked.delete(name)),
    asked: (name) => asked.get(name) ?? 0,
    async [Symbol.asyncDispose]() {
      resolver.cancel()
      socket.close()
    },
  }
}

/** No address of one family is no fault. */
const found = (answer: Promise<string[]>): Promise<string[]> =>
  answer.catch((error: NodeJS.ErrnoException) => (error.code === 'ENODATA' ? [] : Promise.reject(error)))

/** RFC 1035, 4.1: the header, then one question. */
function readQuestion(message: Buffer): Question {
  const labels: string[] = []
  let at = 12
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  const name = labels.join('.').toLowerCase()
  return { id: message.readUInt16BE(0), name, type: message.readUInt16BE(at + 1), bytes: message.subarray(12, at + 5) }
}

function reply({ id, name, type, bytes }: Question, answer: Exclude<Answer, 'silence'>): Buffer {
  if (typeof answer === 'string') return Buffer.concat([header(id, CODES[answer]!, 0), bytes])
  const { alias, addresses } = Array.isArray(answer) ? { alias: undefined, addresses: answer } : answer
  const fitting = addresses.filter((address) => (isIP(address) === 4 ? A : AAAA) === type)
  const records = fitting.map((address) => record(alias ?? name, type, addressBytes(address)))
  const all = alias === undefined ? records : [record(name, CNAME, nameBytes(alias)), ...records]
  return Buffer.concat([header(id, 0, all.length), bytes, ...all])
}

function header(id: number, code: number, answers: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16BE(id, 0)
  bytes.writeUInt16BE(0x8180 | code, 2)
  bytes.writeUInt16BE(1, 4)
  bytes.writeUInt16BE(answers, 6)
  return bytes
}

/** TTL 0: nobody may keep it. */
function record(name: string, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([nameBytes(name), fixed, data])
}

const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ])

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  const plain = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [head = '', tail] = plain.split('::')
  const parts = (text: string) => (text === '' ? [] : text.split(':').map((part) => Number.parseInt(part, 16)))
  const end = parts(tail ?? '')
  const all = [...parts(head), ...Array(8 - parts(head).length - end.length).fill(0), ...end]
  return Buffer.from(all.flatMap((part: number) => [part >> 8, part & 0xff]))
}
