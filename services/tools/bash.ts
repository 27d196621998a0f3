import { z } from 'zod'
import { operation, type Reach, type Tool, type ToolOutcome } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import { lazy } from '../shapes/lazy.ts'
import type { Shown } from '../shell/sandbox.ts'
import type { CommandEnd, Shell } from '../shell/shell.ts'
import { quoted } from './wording.ts'

const MOST_CHARS = 4_000
const DEFAULT_S = 60
const MOST_S = 600

type Args = { command: string; timeout?: number | undefined; network?: boolean | undefined }

export type BashToolDeps = {
  shell: Pick<Shell, 'isThere' | 'sandboxed' | 'execute'>
  isAdmin: (userId: string) => boolean
  /** The folders that are open to tools, and who writes them. */
  folders: () => readonly { path: string; writtenBy: 'me' | 'others' }[]
  ownFolder: (userId: string) => string | undefined
}

/**
 * Commands on this machine, for administrators who are there, and always asked about. Folders that the owner alone writes are
 * read-only for them: what a command wrote is never taken for the owner's words.
 */
export function createBashTool({ shell, isAdmin, folders, ownFolder }: BashToolDeps): Tool {
  function shownTo(userId: string): Shown[] {
    const own = ownFolder(userId)
    const open = folders().map(({ path, writtenBy }) => ({ path, writable: writtenBy === 'others' }))
    return [...(own === undefined ? [] : [{ path: own, writable: true }]), ...open]
  }

  /** An approval is bound to the room: with a folder more, or without the sandbox, it is another call. */
  async function reachOf({ network = false }: Args, userId: string): Promise<Reach> {
    if (!isAdmin(userId)) throw new AppError('forbidden', 'Only an administrator may have commands run.')
    const sandboxed = await shell.sandboxed()
    const rooms = shownTo(userId).map(({ path, writable }) => `${writable ? 'writes' : 'reads'} ${path}`)
    return { pins: [sandboxed ? 'sandbox' : 'no sandbox', network ? 'network' : 'no network', ...rooms] }
  }

  const execute = operation<Args>({
    description: 'Run a shell command in a sandbox, without network unless asked; timeout in seconds',
    input: lazy(() =>
      z.strictObject({
        command: z.string().trim().min(1).max(MOST_CHARS).refine((text) => !text.includes('\0'), 'Leave out NUL characters.'), // prettier-ignore
        timeout: z.number().int().min(1).max(MOST_S).optional(),
        network: z.boolean().optional(),
      }),
    ),
    effect: 'execute',
    destructive: false,
    attendedOnly: true,
    yields: { integrity: 'third_party', privacy: 'private' },
    recovery: 'ask',
    timeoutMs: (MOST_S + 30) * 1000,
    inspect: reachOf,
    describe: ({ command, network = false }) =>
      `Run a command on this machine${network ? ', with its network and all that can be reached by it' : ''}: ${quoted(command, MOST_CHARS)}.`,
    run: async ({ command, timeout = DEFAULT_S, network = false }, { userId, signal }, { pins = [] }) => {
      const room = { folders: shownTo(userId), network, sandboxed: pins[0] === 'sandbox' }
      return told(await shell.execute(command, room, { timeoutS: timeout, signal }), timeout)
    },
  })

  return {
    name: 'bash',
    description: 'Commands on this machine.',
    operations: { execute },
    known: (userId) => (isAdmin(userId) && shell.isThere() ? undefined : ''),
  }
}

function told(end: CommandEnd, timeoutS: number): ToolOutcome {
  const left = end.left.map(
    (path) => `[${path} was left out: there is too much in it to look through for hidden files.]`,
  )
  const parts = [
    `${endOf(end, timeoutS)} It took ${end.seconds.toFixed(1)} s.`,
    ...left,
    ...(end.stdout === '' ? [] : [`Output:\n${end.stdout.trimEnd()}`]),
    ...(end.stderr === '' ? [] : [`Errors:\n${end.stderr.trimEnd()}`]),
  ]
  return { content: parts.join('\n'), summary: endOf(end, timeoutS), source: 'the output of a command' }
}

function endOf({ cut, exitCode, signal }: CommandEnd, timeoutS: number): string {
  if (cut === 'timeout') return `It was ended after ${timeoutS} s, which was its time.`
  if (cut === 'stopped') return 'It was stopped.'
  if (cut === 'output') return 'It was ended since it wrote too much.'
  return exitCode === undefined ? `It was ended by ${signal}.` : `Exit code ${exitCode}.`
}
