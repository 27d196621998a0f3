import { spawn, type ChildProcess } from 'node:child_process'
import { homedir, tmpdir } from 'node:os'
import { delimiter, dirname } from 'node:path'
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client'

export type Program = {
  command: string
  args: readonly string[]
  env: Readonly<Record<string, string>>
  /** Where commands are looked for beside the folder of Node itself. */
  path: string | undefined
  maxBytes: number
}

const PATH = '/usr/local/bin:/usr/bin:/bin'
const KEPT_OF_ERRORS = 2_000
const POLITE_MS = 2_000

/** `lastWords`: the end of what it wrote to stderr. */
export type StdioTransport = Transport & { lastWords: () => string }

/**
 * A server that is a program of its own, spoken to over its stdin and stdout. It leads a process group, which is ended as a
 * whole, and of our environment it gets nothing but where programs, its home and temporary files are.
 */
export async function openStdio(program: Program): Promise<StdioTransport> {
  const { ReadBuffer, serializeMessage } = await import('@modelcontextprotocol/client')
  const buffer = new ReadBuffer({ maxBufferSize: program.maxBytes })
  let child: ChildProcess | undefined
  let words = ''

  function read(chunk: Buffer): void {
    try {
      buffer.append(chunk)
    } catch (error) {
      transport.onerror?.(error as Error)
      return void transport.close()
    }
    for (;;) {
      try {
        const message = buffer.readMessage()
        if (message === null) return
        transport.onmessage?.(message)
      } catch (error) {
        transport.onerror?.(error as Error)
      }
    }
  }

  function start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { command, args } = program
      child = spawn(command, args, { env: environment(program), cwd: tmpdir(), stdio: 'pipe', detached: true })
      child.once('spawn', resolve)
      child.once('error', (error) => {
        reject(error)
        transport.onerror?.(error)
      })
      child.once('close', () => {
        end(child!, 'SIGKILL')
        child = undefined
        buffer.clear()
        transport.onclose?.()
      })
      child.stdin!.on('error', (error) => transport.onerror?.(error))
      child.stdout!.on('data', read)
      child.stderr!.on('data', (chunk: Buffer) => (words = `${words}${String(chunk)}`.slice(-KEPT_OF_ERRORS)))
    })
  }

  const transport: StdioTransport = {
    start,
    send(message: JSONRPCMessage): Promise<void> {
      return new Promise((resolve, reject) => {
        if (!child?.stdin?.writable) return reject(new Error('The program has ended.'))
        child.stdin.write(serializeMessage(message), (error) => (error ? reject(error) : resolve()))
      })
    },
    async close(): Promise<void> {
      const going = child
      if (going?.pid === undefined) return
      const ended = new Promise<void>((resolve) => going.once('close', () => resolve()))
      going.stdin?.end()
      end(going, 'SIGTERM')
      const hard = setTimeout(() => {
        end(going, 'SIGKILL')
        // @NOTE what has left the group may hold them open for ever.
        going.stdout?.destroy()
        going.stderr?.destroy()
      }, POLITE_MS)
      await ended
      clearTimeout(hard)
    },
    lastWords: () => words.trim(),
  }
  return transport
}

function environment({ env, path = PATH }: Program): Record<string, string> {
  const PATHS = [dirname(process.execPath), path].join(delimiter)
  return { PATH: PATHS, HOME: homedir(), TMPDIR: tmpdir(), LANG: 'C.UTF-8', ...env }
}

/** The whole group; what it started itself goes too. */
function end({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended already.
  }
}
